// What is seen of the mask: the canvas, the names and points over it, the list beside it, and what is said below.
import { boxStyle, placeIn, pointStyle, scrollAbout, zoomWithin } from './geometry.js';
import { tinted } from './pixels.js';

const VELVET = [214, 48, 72];
const node = (tag, text = '', more = {}) => Object.assign(document.createElement(tag), { textContent: text, ...more });

const shareInWords = (share) => {
    if (!share) return '';
    return `${share < 0.01 ? 'under 1' : share > 0.99 && share < 1 ? 'over 99' : Math.round(100 * share)}% will change`;
};

export class View {
    /** `acts` has what a click on a name, a point or a row of the list does: toggle, choose, mend, removePoint. */
    constructor(element, acts) {
        Object.assign(this, { element, acts, zoom: 1, frame: 0, clock: 0, about: '' });
        this.stage = this.find('.easel-stage');
        this.paper = this.find('.easel-paper');
        this.canvas = this.find('.easel-mask');
        this.pen = this.canvas.getContext('2d', { willReadFrequently: true });
        this.tints = new WeakMap();   // the mask of a shape: the same in its colour
    }

    find(selector) {
        return this.element.querySelector(selector);
    }

    field(name) {
        return this.find(`[name=${name}]`);
    }

    number(name) {
        return Number(this.field(name).value);
    }

    /** What becomes of what is found: add, take or alone. */
    get place() {
        return this.find('[name=place]:checked').value;
    }

    get maskAlone() {
        return this.field('alone').checked;
    }

    /** Where on the picture an event of a pointer is. */
    at(event) {
        return placeIn(this.canvas.getBoundingClientRect(), event.clientX, event.clientY);
    }

    /** The brush's width in pixels of the canvas. */
    get brushWidth() {
        return (this.number('size') / 100) * Math.max(this.canvas.width, this.canvas.height);
    }

    open({ picture, size }) {
        Object.assign(this.canvas, size);
        this.find('.easel-picture').src = picture.url;
        this.find('.easel-size').textContent = `${picture.width} x ${picture.height}`;
        this.element.classList.add('has-picture');
        this.paper.style.setProperty('--ratio', picture.width / picture.height);
        this.zoomTo(1);
    }

    /** About the middle of what is seen. */
    zoomTo(zoom) {
        const { stage } = this, was = this.zoom;
        const { scrollLeft, scrollTop, clientWidth, clientHeight } = stage;
        this.zoom = zoomWithin(zoom);
        this.paper.style.setProperty('--zoom', this.zoom);
        stage.scrollLeft = scrollAbout(scrollLeft, clientWidth, was, this.zoom);
        stage.scrollTop = scrollAbout(scrollTop, clientHeight, was, this.zoom);
        this.field('zoom').value = this.zoom;
    }

    say(text, { bad = false, about = '' } = {}) {
        const note = this.find('.easel-note');
        this.about = about;
        note.textContent = text || '';
        note.classList.toggle('bad', bad);
    }

    /** What is waited for, with the seconds once there are some; null: nothing. */
    wait(words) {
        const began = Date.now();
        const tell = () => {
            const waited = Date.now() - began, seconds = waited > 2000 ? ` ${Math.round(waited / 1000)} s` : '';
            this.find('.easel-wait p').textContent = words + seconds;
        };
        clearInterval(this.clock);
        this.element.classList.toggle('busy', words !== null);
        if (words === null) return;
        tell();
        this.clock = setInterval(tell, 500);
    }

    showTool(name) {
        this.element.dataset.tool = name;
        this.setPressed('[data-tool-name]', (button) => button.dataset.toolName === name);
    }

    showSign(sign) {
        this.setPressed('[data-do=plus]', () => sign === 1);
        this.setPressed('[data-do=minus]', () => sign === 0);
    }

    setPressed(selector, isPressed) {
        const buttons = this.element.querySelectorAll(selector);
        buttons.forEach((button) => button.setAttribute('aria-pressed', isPressed(button)));
    }

    /** All of it, after a change. */
    render(model) {
        this.draw(model);
        this.drawMarks(model);
        this.drawList(model);
        this.showSign(model.sign);
        this.find('[data-do=undo]').disabled = !model.past.length;
        this.find('[data-do=redo]').disabled = !model.future.length;
        this.element.classList.toggle('has-shapes', model.shapes.length > 0);
        this.find('.easel-share').textContent = shareInWords(model.share);
    }

    /** The mask alone, once before the next frame. */
    drawSoon(model) {
        if (!this.frame) this.frame = requestAnimationFrame(() => { this.frame = 0; this.draw(model); });
    }

    draw({ mask, shapes }) {
        const { pen } = this, { width, height } = this.canvas;
        pen.clearRect(0, 0, width, height);
        if (!mask) return;
        if (this.maskAlone) {
            pen.fillStyle = '#000';
            pen.fillRect(0, 0, width, height);
            pen.drawImage(mask, 0, 0);
            return;
        }
        this.lay(tinted(mask, VELVET), 0.55);
        pen.globalCompositeOperation = 'source-atop';
        shapes.filter((shape) => shape.kept).forEach((shape) => this.lay(this.tintedOf(shape), 0.5));
        pen.globalCompositeOperation = 'destination-over';
        shapes.filter((shape) => !shape.kept).forEach((shape) => this.lay(this.tintedOf(shape), 0.22));
        pen.globalCompositeOperation = 'source-over';
    }

    lay(image, alpha) {
        this.pen.globalAlpha = alpha;
        this.pen.drawImage(image, 0, 0);
        this.pen.globalAlpha = 1;
    }

    tintedOf({ image, tint }) {
        if (!this.tints.has(image)) this.tints.set(image, tinted(image, tint));
        return this.tints.get(image);
    }

    drawMarks({ shapes, points, picture }) {
        const framed = this.maskAlone ? [] : shapes.filter((shape) => shape.box);
        this.find('.easel-marks').replaceChildren(
            ...framed.map((shape) => this.frameOf(shape, picture)),
            ...points.map((point, at) => this.dotOf(point, at, picture)),
        );
    }

    frameOf(shape, picture) {
        const frame = node('div', '', { className: `found${shape.kept ? ' kept' : ''}` });
        frame.style.cssText = `${boxStyle(shape.box, picture)};--tint:rgb(${shape.tint})`;
        const title = shape.kept ? 'In the mask: click to drop' : 'Not in the mask: click to keep';
        const words = `${shape.label} ${shape.score.toFixed(2)}`;
        frame.append(this.button(words, { title }, () => this.acts.toggle(shape.id)));
        return frame;
    }

    dotOf([x, y, sign], at, picture) {
        const className = `dot${sign ? '' : ' minus'}`, title = 'Take this point away';
        const dot = this.button(sign ? '+' : '\u2212', { className, title }, () => this.acts.removePoint(at));
        dot.style.cssText = pointStyle(x, y, picture);
        return dot;
    }

    drawList({ shapes, mending }) {
        this.find('.easel-list').replaceChildren(
            ...shapes.map((shape) => this.rowOf(shape, mending !== null && mending.id === shape.id)),
        );
    }

    rowOf(shape, isMended) {
        const row = node('div', '', { className: `thing${shape.kept ? ' kept' : ''}` });
        const acts = node('div', '', { className: 'row' });
        const mend = this.button(
            isMended ? 'Clicks mend this' : 'Mend by clicks',
            { className: 'small mend' },
            () => this.acts.mend(shape.id),
        );
        mend.setAttribute('aria-pressed', isMended);
        acts.append(...shape.candidates.map((one, which) => this.candidateOf(shape, one, which)), mend);
        row.append(this.headOf(shape), acts);
        return row;
    }

    headOf(shape) {
        const head = node('label'), swatch = node('i');
        const tick = Object.assign(document.createElement('input'), { type: 'checkbox', checked: shape.kept });
        tick.addEventListener('change', () => this.acts.toggle(shape.id));
        swatch.style.background = `rgb(${shape.tint})`;
        const score = node('span', shape.score.toFixed(2), { title: 'How sure, from 0 to 1' });
        head.append(tick, swatch, node('b', shape.label), score);
        return head;
    }

    candidateOf(shape, { png, score }, which) {
        const title = `Shape ${which + 1} of ${shape.candidates.length}; SAM gives it ${score.toFixed(2)}`;
        const choice = this.button('', { className: 'candidate', title }, () => this.acts.choose(shape.id, which));
        choice.setAttribute('aria-pressed', which === shape.chosen);
        choice.append(Object.assign(new Image(), { src: png, alt: '' }), node('span', score.toFixed(2)));
        return choice;
    }

    button(words, more, act) {
        const made = node('button', words, { type: 'button', ...more });
        made.addEventListener('click', act);
        return made;
    }

    /** The circle of the brush, where the pointer is. */
    showRing(event) {
        const { width, height } = this.canvas.getBoundingClientRect(), [x, y] = this.at(event);
        const side = Math.max(4, (this.number('size') / 100) * Math.max(width, height));
        this.find('.easel-ring').style.cssText = `left:${100 * x}%;top:${100 * y}%;width:${side}px;height:${side}px`;
    }

    /** The box that is being drawn; null: none. */
    showBand(box, picture) {
        const band = this.find('.easel-band');
        band.hidden = !box;
        if (box) band.style.cssText = boxStyle(box, picture);
    }

    /** What a family offers: words to find, segmenters, thresholds. */
    showFamily(family) {
        this.find('.easel-words').replaceChildren(
            ...family.words.map((word) => this.button(word, { className: 'chip word' }, () => this.toggleWord(word))),
        );
        this.field('segmenter').replaceChildren(
            ...family.segmenters.map((one) => node('option', one, { value: one, selected: one === family.segmenter })),
        );
        ['box_threshold', 'text_threshold'].forEach((name) => this.fill(name, family[name]));
        this.find('.easel-family').textContent = family.note;
    }

    fill(name, value) {
        this.field(name).value = value;
        this.field(name).dispatchEvent(new Event('input', { bubbles: true }));
    }

    toggleWord(word) {
        const field = this.field('phrases');
        const there = field.value.split(/[.,;]/).map((one) => one.trim()).filter(Boolean);
        field.value = (there.includes(word) ? there.filter((one) => one !== word) : [...there, word]).join(', ');
    }
}
