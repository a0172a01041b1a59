// Brush, eraser, box, click and pinch: what a pointer on the picture does, by the tool that is taken up.
import { boxBetween, pixelAt, rounded, spread } from './geometry.js';

export const TOOLS = { brush: 'brush', eraser: 'brush', box: 'box', point: 'click' };   // tool: what its press begins
const SLACK = 4;   // pixels of the screen: a press that moves no further is a click

export class Tools {
    /** `done` hears what came of it: stroke(), box(box or null where it is too small), click(point, against). */
    constructor({ view, model, machine, done }) {
        Object.assign(this, { view, model, machine, done, name: 'brush' });
        this.fingers = new Map();   // pointers that are down: where on the screen
        this.press = this.pinch = this.from = this.box = this.pointer = null;
        machine.watch((from, event) => { if (event === 'ask') this.interrupt(from); });
        const { paper } = view;
        paper.addEventListener('pointerdown', (event) => this.down(event));
        paper.addEventListener('pointermove', (event) => this.move(event));
        paper.addEventListener('pointerup', (event) => this.up(event));
        paper.addEventListener('pointercancel', (event) => this.cancel(event));
        paper.addEventListener('contextmenu', (event) => { if (this.name === 'point') event.preventDefault(); });
    }

    take(name) {
        this.name = name;
        this.view.showTool(name);
    }

    down(event) {
        if (!this.model.picture || this.machine.state === 'waiting' || this.fingers.size > 1) return;
        if (this.fingers.has(event.pointerId)) this.cancel(event);   // its end was never heard of
        if (event.target.closest('button')) return this.pressName(event);
        if (event.button !== 0 && !(event.button === 2 && this.name === 'point')) return;
        this.track(event);
        if (this.fingers.size === 2) return this.beginPinch();
        event.preventDefault();
        this.begin(event, this.view.at(event));
    }

    track(event) {
        this.fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    }

    /** A name over the picture: a click means it, a stroke may begin on it. */
    pressName(event) {
        if (event.button !== 0 || this.name === 'point' || this.fingers.size) return;
        if (this.machine.state !== 'named' && !this.machine.go('name')) return;
        this.press = { id: event.pointerId, x: event.clientX, y: event.clientY, from: this.view.at(event) };
    }

    begin(event, from) {
        if (!this.machine.go(TOOLS[this.name])) return;
        Object.assign(this, { pointer: event.pointerId, from, press: null });
        this.view.paper.setPointerCapture(event.pointerId);
        if (this.machine.state === 'brushing') {
            this.model.beginStroke(this.name === 'eraser');
            this.strokeTo(from);
        }
        if (this.machine.state === 'boxing') this.boxTo(from);
    }

    move(event) {
        if (!this.model.picture) return;
        this.view.showRing(event);
        if (this.machine.state === 'named' && this.press.id === event.pointerId) this.dragName(event);
        if (this.fingers.has(event.pointerId)) this.track(event);
        if (this.machine.state === 'pinching') this.pinchTo();
        if (event.pointerId !== this.pointer) return;
        if (this.machine.state === 'brushing') this.strokeTo(this.view.at(event));
        if (this.machine.state === 'boxing') this.boxTo(this.view.at(event));
    }

    dragName(event) {
        const { x, y, from } = this.press;
        if (!event.buttons) return this.machine.go('cancel');   // let go outside of the picture
        if (Math.hypot(event.clientX - x, event.clientY - y) <= SLACK) return;
        this.track(event);
        this.begin(event, from);
    }

    strokeTo(to) {
        this.model.strokeTo(this.from, to, this.view.brushWidth);
        this.from = to;
        this.view.drawSoon(this.model);
    }

    boxTo(to) {
        this.box = boxBetween(this.from, to, this.model.picture);
        this.view.showBand(this.box, this.model.picture);
    }

    beginPinch() {
        this.abandon();
        this.machine.go('pinch');
        this.pinch = { ...spread([...this.fingers.values()]), zoom: this.view.zoom };
    }

    pinchTo() {
        if (this.fingers.size !== 2) return;
        const { pinch, view } = this, now = spread([...this.fingers.values()]);
        view.zoomTo((pinch.zoom * now.span) / pinch.span);
        view.stage.scrollLeft -= now.x - pinch.x;
        view.stage.scrollTop -= now.y - pinch.y;
        this.pinch = { ...pinch, x: now.x, y: now.y };
    }

    up(event) {
        const { state } = this.machine, isDown = this.fingers.delete(event.pointerId);
        if (state === 'named') this.machine.go('up');
        if (state === 'pinching' && !this.fingers.size) this.machine.go('up');
        if (!isDown || event.pointerId !== this.pointer) return;
        this.pointer = null;
        if (['brushing', 'boxing', 'clicking'].includes(state)) this.end(state, event);
    }

    end(state, event) {
        this.machine.go('up');
        if (state === 'brushing') {
            this.model.endStroke();
            this.done.stroke();
        }
        if (state === 'boxing') {
            const { box } = this, isSmall = box[2] - box[0] < 2 || box[3] - box[1] < 2;
            this.endBox();
            this.done.box(isSmall ? null : box);
        }
        if (state === 'clicking') {
            const point = pixelAt(this.view.at(event), this.model.picture).map(rounded);
            this.done.click(point, event.button === 2 || event.altKey);
        }
    }

    cancel(event) {
        const { state } = this.machine, isPress = this.press !== null && this.press.id === event.pointerId;
        this.fingers.delete(event.pointerId);
        if (event.pointerId === this.pointer || isPress) this.drop();
        else if (state === 'pinching' && !this.fingers.size) this.machine.go('cancel');
    }

    /** Whatever is begun was never meant, and nothing comes in its place. */
    drop() {
        this.abandon();
        this.machine.go('cancel');
    }

    /** What was begun was never meant: a second finger came. */
    abandon() {
        if (this.machine.state === 'brushing') {
            this.model.abandonStroke();
            this.view.drawSoon(this.model);
        }
        this.endBox();
        this.press = this.pointer = null;
    }

    endBox() {
        this.box = null;
        this.view.showBand(null);
    }

    /** A question begins in the middle of it: what was painted stays. */
    interrupt(state) {
        if (state === 'brushing') this.model.endStroke();
        this.endBox();
        this.pointer = null;
    }
}
