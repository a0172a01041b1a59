// The easel: a picture, the mask over it, what was found, and the tools. The server finds and computes; painting, keeping
// and undoing happen here. A mask is a canvas whose opacity is the mask. Acts go out by trigger('act', {...}); answers
// come in as the piece's value, each with a number of its own.
const $ = (selector) => element.querySelector(selector);
const $$ = (selector) => [...element.querySelectorAll(selector)];
const KEPT = 'understudy-easel', LONGEST = 2048, MOST_UNDO = 96e6; // pixels of a side; bytes
const VELVET = [214, 48, 72], TINTS = [[87, 177, 255], [255, 196, 61], [120, 214, 120], [255, 128, 200], [170, 140, 255], [255, 150, 90]];
const stage = $('.easel-stage'), paper = $('.easel-paper'), view = $('.easel-mask');
const ink = view.getContext('2d', { willReadFrequently: true });
let picture = null;            // {ref, url, width, height}
let mask = null;               // canvas: opacity is the mask
let added = null, removed = null;  // what the brush and the eraser did: it outlasts whatever shapes do
let shapes = [], points = [];  // what was found; clicks
let mending = null;            // the shape that clicks belong to: {id, base: the mask without it, way: how it goes in}
let tool = 'brush', label = 1, zoom = 1, family = '';
let asked = null;              // the question that is under way: {number, mending, points}; nothing changes meanwhile
let past = [], future = [], stroke = null, box = null;

const canvas = (width, height) => Object.assign(document.createElement('canvas'), { width, height });
const scale = () => Math.min(1, LONGEST / Math.max(picture.width, picture.height));
const busy = () => asked !== null;
const say = (text, bad = false) => { const note = $('.easel-note'); note.textContent = text || ''; note.classList.toggle('bad', bad); };
const number = (name) => Number($(`[name=${name}]`).value);
const place = () => $('[name=place]:checked').value;   // add, take, alone

// Masks from PNG and back
const loaded = (url) => new Promise((done, failed) => {
    const image = new Image();
    image.onload = () => done(image);
    image.onerror = () => failed(new Error('a picture could not be shown'));
    image.src = url;
});
const opened = async (png) => {
    const image = await loaded(png), made = canvas(view.width, view.height), pen = made.getContext('2d', { willReadFrequently: true });
    pen.drawImage(image, 0, 0, made.width, made.height);
    const data = pen.getImageData(0, 0, made.width, made.height), values = data.data;
    for (let at = 0; at < values.length; at += 4) { values[at + 3] = values[at]; values[at] = values[at + 1] = values[at + 2] = 255; }
    pen.putImageData(data, 0, 0);
    return made;
};
const blend = (onto, other, how) => {
    const pen = onto.getContext('2d', { willReadFrequently: true });
    pen.globalCompositeOperation = how;
    pen.drawImage(other, 0, 0);
    pen.globalCompositeOperation = 'source-over';
};
const fresh = () => canvas(view.width, view.height);
const add = (shape) => blend(mask, shape, 'source-over');
const take = (shape) => blend(mask, shape, 'destination-out');
const copy = (from) => { const made = canvas(from.width, from.height); made.getContext('2d', { willReadFrequently: true }).drawImage(from, 0, 0); return made; };
const opacity = (from) => from.getContext('2d', { willReadFrequently: true }).getImageData(0, 0, from.width, from.height).data;
const empty = () => { mask = fresh(); added = fresh(); removed = fresh(); };
const repaint = () => { take(removed); add(added); };
const isEmpty = () => !mask || !opacity(mask).some((value, at) => at % 4 === 3 && value > 127);
// Undo: the whole mask and what is kept, newest last
const copied = () => ({ mask: copy(mask), added: copy(added), removed: copy(removed), shapes: shapes.map((shape) => ({ ...shape })), points: [...points], mending });
const remember = () => {
    past.push(copied());
    future = [];
    const most = Math.max(8, Math.floor(MOST_UNDO / (12 * mask.width * mask.height)));
    while (past.length > most) past.shift();
};
const go = (from, to) => {
    if (!from.length || busy() || stroke) return;
    to.push(copied());
    ({ mask, added, removed, shapes, points, mending } = from.pop());
    changed();
};

// What is seen
const tinted = (shape, colour) => {
    const made = copy(shape), pen = made.getContext('2d', { willReadFrequently: true });
    pen.globalCompositeOperation = 'source-in';
    pen.fillStyle = `rgb(${colour})`;
    pen.fillRect(0, 0, made.width, made.height);
    return made;
};
const lay = (made, alpha) => { ink.globalAlpha = alpha; ink.drawImage(made, 0, 0); ink.globalAlpha = 1; };
const draw = () => {
    ink.clearRect(0, 0, view.width, view.height);
    if (!mask) return;
    if ($('[name=alone]').checked) {
        ink.fillStyle = '#000';
        ink.fillRect(0, 0, view.width, view.height);
        ink.drawImage(mask, 0, 0);
        return;
    }
    lay(tinted(mask, VELVET), 0.55);
    ink.globalCompositeOperation = 'source-atop';
    shapes.filter((shape) => shape.kept).forEach((shape) => lay(shape.tinted, 0.5));
    ink.globalCompositeOperation = 'destination-over';
    shapes.filter((shape) => !shape.kept).forEach((shape) => lay(shape.tinted, 0.22));
    ink.globalCompositeOperation = 'source-over';
};
let drawing = 0;
const soon = () => { if (!drawing) drawing = requestAnimationFrame(() => { drawing = 0; draw(); }); };
const percent = (value, of) => `${(100 * value / of).toFixed(3)}%`;
const text = (tag, words, more = {}) => Object.assign(document.createElement(tag), { textContent: words, ...more });
const marks = () => {
    const over = $('.easel-marks');
    over.replaceChildren();
    const bare = $('[name=alone]').checked;
    shapes.forEach((shape, at) => {
        if (bare || !shape.box) return;
        const [left, top, right, bottom] = shape.box, frame = text('div', '', { className: `found${shape.kept ? ' kept' : ''}` });
        frame.style.cssText = `left:${percent(left, picture.width)};top:${percent(top, picture.height)};width:${percent(right - left, picture.width)};height:${percent(bottom - top, picture.height)};--tint:rgb(${shape.tint})`;
        const name = text('button', `${shape.label} ${shape.score.toFixed(2)}`, { type: 'button', title: shape.kept ? 'In the mask: click to drop' : 'Not in the mask: click to keep' });
        name.addEventListener('click', () => toggle(at));
        frame.append(name);
        over.append(frame);
    });
    points.forEach(([x, y, sign], at) => {
        const dot = text('button', sign ? '+' : '\u2212', { type: 'button', className: `dot${sign ? '' : ' minus'}`, title: 'Take this point away' });
        dot.style.left = percent(x, picture.width);
        dot.style.top = percent(y, picture.height);
        dot.addEventListener('click', () => { if (busy()) return; remember(); points = points.filter((_, other) => other !== at); ask(); });
        over.append(dot);
    });
};
const list = () => {
    const rows = $('.easel-list');
    rows.replaceChildren();
    shapes.forEach((shape, at) => {
        const row = text('div', '', { className: `thing${shape.kept ? ' kept' : ''}` }), head = text('label', '');
        const tick = Object.assign(document.createElement('input'), { type: 'checkbox', checked: shape.kept });
        tick.addEventListener('change', () => toggle(at));
        const swatch = text('i', '');
        swatch.style.background = `rgb(${shape.tint})`;
        head.append(tick, swatch, text('b', shape.label), text('span', shape.score.toFixed(2), { title: 'How sure, from 0 to 1' }));
        row.append(head);
        const acts = text('div', '', { className: 'row' });
        shape.candidates.forEach((one, which) => {
            const choice = text('button', '', { type: 'button', className: 'candidate', title: `Shape ${which + 1} of ${shape.candidates.length}; SAM gives it ${one.score.toFixed(2)}` });
            choice.setAttribute('aria-pressed', String(which === shape.chosen));
            choice.append(Object.assign(new Image(), { src: one.png, alt: '' }), text('span', one.score.toFixed(2)));
            choice.addEventListener('click', () => choose(at, which));
            acts.append(choice);
        });
        const mends = mending !== null && mending.id === shape.id;
        const mend = text('button', mends ? 'Clicks mend this' : 'Mend by clicks', { type: 'button', className: 'small mend' });
        mend.setAttribute('aria-pressed', String(mends));
        mend.addEventListener('click', () => {
            if (busy()) return;
            pick('point');
            if (mends) afresh(); else { begin(shape); say('Click what is missing, or "Not this" and what is too much.'); }
            changed();
        });
        acts.append(mend);
        row.append(acts);
        rows.append(row);
    });
};
const changed = () => {
    draw();
    marks();
    list();
    $('[data-do=undo]').disabled = !past.length;
    $('[data-do=redo]').disabled = !future.length;
    element.classList.toggle('has-shapes', shapes.length > 0);
    keep();
};
let keeping = 0;
const keep = () => {   // a reload loses nothing: the mask waits in this browser
    if (!picture) return;   // what waits there has not been brought back yet
    clearTimeout(keeping);
    keeping = setTimeout(() => {
        try {
            localStorage.setItem(KEPT, JSON.stringify({ ref: picture.ref, mask: isEmpty() ? '' : mask.toDataURL() }));
        } catch (full) { localStorage.removeItem(KEPT); }
    }, 400);
};

// Keeping, dropping, choosing, mending
const drop = (shape, others = shapes) => {   // and what other kept shapes have in common with it stays
    take(shape.image);
    others.filter((other) => other.id !== shape.id && other.kept).forEach((other) => {
        const both = copy(other.image);
        blend(both, shape.image, 'destination-in');
        add(both);
    });
};
const toggle = (at) => {
    if (busy()) return;
    remember();
    const shape = shapes[at] = { ...shapes[at], kept: !shapes[at].kept };
    if (shape.kept) add(shape.image); else drop(shape);
    repaint();
    if (mending && mending.id === shape.id) afresh();
    changed();
};
const choose = async (at, which) => {
    if (busy()) return;
    const { id } = shapes[at], question = hold('One moment...');
    const image = await opened(shapes[at].candidates[which].png);
    release(question);
    const now = shapes.findIndex((shape) => shape.id === id);
    if (now < 0) return;
    remember();
    const old = shapes[now], shape = shapes[now] = { ...old, image, tinted: tinted(image, old.tint), chosen: which };
    if (old.kept) { drop(old); add(shape.image); repaint(); }
    changed();
};
let ids = 0, colours = 0;
const shaped = async (found, tint) => {
    const image = await opened(found.candidates[0].png), colour = tint || TINTS[colours++ % TINTS.length];
    return { ...found, id: ++ids, image, tint: colour, tinted: tinted(image, colour), chosen: 0, kept: false, points: [] };
};
const put = (shape, way) => {   // a shape into the mask: 'add', 'take' or, for one that was dropped, 'leave'
    if (way === 'add') add(shape.image);
    if (way === 'take') take(shape.image);
    shape.kept = way === 'add';
};
const begin = (shape) => {   // clicks belong to this shape from now on; its base is the mask as it would be without it
    const now = mask;
    mask = copy(now);
    if (shape.kept) drop(shape);
    mending = { id: shape.id, base: mask, way: shape.kept ? 'add' : 'leave' };
    mask = now;
    points = [...shape.points];
    label = 1;
    signs();
};
const afresh = () => { points = []; mending = null; label = 1; signs(); };   // the next click begins a shape of its own

// Asking and answering. One question at a time, and nothing else changes until its answer is there.
let count = 0, clock = 0;
const hold = (words) => {
    const began = Date.now(), tell = () => { $('.easel-wait p').textContent = `${words}${Date.now() - began > 2000 ? ` ${Math.round((Date.now() - began) / 1000)} s` : ''}`; };
    asked = { number: ++count, mending, points };
    clearInterval(clock);
    tell();
    clock = setInterval(tell, 500);
    element.classList.add('busy');
    return asked;
};
const release = (question) => {
    if (asked !== question) return;
    asked = null;
    clearInterval(clock);
    element.classList.remove('busy');
};
// Two answers that come at once would be seen as one: what is asked while the page still opens waits for its greeting.
let greeting = 0, waiting = null;
const greet = () => {
    greeting = ++count;
    trigger('act', { act: 'hello', ref: stored().ref || '', question: greeting });
    setTimeout(greeted, 8000);
};
const greeted = () => {
    const go = waiting;
    greeting = 0;
    waiting = null;
    if (go) go();
};
const send = (act, more = {}, words = 'One moment...') => {
    if (busy()) return;
    const question = hold(words), go = () => trigger('act', { act, ref: picture ? picture.ref : '', ...more, question: question.number });
    if (greeting) waiting = go; else go();
};
document.addEventListener('easel-failed', () => { if (greeting) greeted(); else if (asked) release(asked); });
const paint = (act) => {
    if (!picture) return say('Open a picture first.', true);
    if (act === 'wear') return send('wear', {}, 'Starting...');
    if (isEmpty()) { stage.scrollIntoView({ behavior: 'smooth', block: 'nearest' }); return say('The mask is empty: paint over what shall change, or find it by a word.', true); }
    send('repaint', { mask: mask.toDataURL() }, 'Starting...');
};
document.addEventListener('easel-repaint', () => paint('repaint'));
document.addEventListener('easel-wear', () => paint('wear'));
const find = () => {
    const phrases = $('[name=phrases]').value.trim();
    if (!picture) return say('Open a picture first.', true);
    if (!/[\p{L}\p{N}]/u.test(phrases)) return say('Say what to find in words, such as clothing; several with commas between.', true);
    send('find', { phrases, box_threshold: number('box_threshold'), text_threshold: number('text_threshold'), segmenter: $('[name=segmenter]').value }, `Looking for ${phrases}...`);
};
const ask = () => {
    const shape = mending && shapes.find((one) => one.id === mending.id);
    if (!points.length && !(shape && shape.asked)) {
        if (shape) { mask = copy(mending.base); shapes = shapes.filter((one) => one !== shape); }
        afresh();
        return changed();
    }
    changed();
    if (!(shape && shape.asked) && !points.some((point) => point[2])) return say('This point takes away; click on the thing itself first, with "This".');
    send('point', { points, box: shape ? shape.asked : null, segmenter: $('[name=segmenter]').value }, 'Outlining...');
};
const answers = {   // each decodes what it needs first, then changes all at once
    async opened(answer) {
        const kept = stored(), own = answer.picture.mask;   // one that was repainted brings the mask it was painted by
        const before = kept.ref === answer.picture.ref && kept.mask ? await loaded(kept.mask) : null;
        picture = answer.picture;
        const factor = scale();
        Object.assign(view, { width: Math.max(1, Math.round(picture.width * factor)), height: Math.max(1, Math.round(picture.height * factor)) });
        empty();
        if (before) mask.getContext('2d', { willReadFrequently: true }).drawImage(before, 0, 0);
        else if (own) add(await opened(own));
        shapes = []; past = []; future = [];
        afresh();
        $('.easel-picture').src = picture.url;
        $('.easel-size').textContent = `${picture.width} x ${picture.height}`;
        element.classList.add('has-picture');
        resize(1);
        say(answer.note || (before ? 'Your mask is back. Paint on, or find things by a word.' : own ? 'It was repainted here: change the mask, or paint it again.' : 'Paint over what shall change, or find it by a word.'));
        changed();
    },
    async gone() { localStorage.removeItem(KEPT); },
    async found(answer) {
        const made = await Promise.all(answer.masks.map((found) => shaped(found)));
        if (made.length) {
            remember();
            if (place() === 'alone') { empty(); shapes = []; }
            afresh();
            made.forEach((shape) => { shape.asked = shape.box; put(shape, place() === 'take' ? 'take' : 'add'); });
            repaint();
            shapes = [...shapes.filter((old) => !made.some((shape) => shape.label === old.label)), ...made];
        }
        const things = made.length === 1 ? 'one thing' : `${made.length} things`;
        say(made.length ? `Found ${things}. ${answer.note || 'Click a name to drop or keep it.'}` : answer.note, !made.length);
        changed();
    },
    async pointed(answer, question) {
        if (!answer.masks.length) return say(answer.note, true);
        const old = question.mending && shapes.find((shape) => shape.id === question.mending.id);
        const made = await shaped(answer.masks[0], old && old.tint);
        if (old) Object.assign(made, { id: old.id, label: old.label, score: old.score });
        const base = question.mending ? question.mending.base : copy(mask);
        const way = question.mending ? question.mending.way : place() === 'take' ? 'take' : 'add';
        mask = copy(base);
        if (!old && place() === 'alone') { empty(); shapes = []; }
        Object.assign(made, { asked: answer.box || null, points: [...question.points] });
        put(made, way);
        repaint();
        shapes = old ? shapes.map((shape) => (shape.id === old.id ? made : shape)) : [...shapes, made];
        if (tool === 'point') { mending = { id: made.id, base: old ? base : copy(base), way }; points = [...question.points]; } else afresh();
        say(tool === 'point' ? 'Click what is missing, or "Not this" and what is too much. The mask follows.' : answer.note || 'Drag the next box, or click its name to drop it.');
        changed();
    },
    async edited(answer) {
        const made = await opened(answer.mask), merged = shapes.length > 0;
        remember();
        empty();
        mask = made;
        shapes = [];
        afresh();
        say(`${answer.note || ''}${merged ? ' What was found is part of the mask now; Undo brings the list back.' : ''}`);
        changed();
    },
    async exported(answer) {
        const link = Object.assign(document.createElement('a'), { href: answer.url, download: answer.name });
        document.body.append(link);
        link.click();
        link.remove();
        say(answer.note);
    },
    async painted() { if ($('.easel-note').textContent.startsWith('Painting;')) say('Painted: it lies below.'); },
    async painting() { say('Painting; the picture comes below.'); document.getElementById('painted').scrollIntoView({ behavior: 'smooth', block: 'nearest' }); },
    async known(answer) {
        if (answer.name === family) return;   // the visitor's own thresholds stay
        family = answer.name;
        const chips = $('.easel-words');
        chips.replaceChildren(...answer.words.map((word) => {
            const chip = text('button', word, { type: 'button', className: 'chip word' });
            chip.addEventListener('click', () => {
                const field = $('[name=phrases]'), there = field.value.split(/[.,;]/).map((one) => one.trim()).filter(Boolean);
                field.value = (there.includes(word) ? there.filter((one) => one !== word) : [...there, word]).join(', ');
            });
            return chip;
        }));
        $('[name=segmenter]').replaceChildren(...answer.segmenters.map((one) => text('option', one, { value: one, selected: one === answer.segmenter })));
        ['box_threshold', 'text_threshold'].forEach((name) => { $(`[name=${name}]`).value = answer[name]; $(`[name=${name}]`).dispatchEvent(new Event('input', { bubbles: true })); });
        $('.easel-family').textContent = answer.note;
    },
};
const newest = () => { try { return JSON.parse(props.value || '{}'); } catch (broken) { return {}; } };
const hear = async (answer) => {
    if (answer.family) await answers.known(answer.family);
    if (!answer.kind) return;
    if (answer.question && answer.question === greeting) {
        try { await answers[answer.kind](answer); } finally { greeted(); }
        return;
    }
    const question = asked;
    if (answer.question && !(question && question.number === answer.question)) return;   // the answer to another picture
    try { await answers[answer.kind](answer, question); } finally { if (question) release(question); }
};
let heard = Promise.resolve();
watch('value', () => { const answer = newest(); heard = heard.then(() => hear(answer)).catch((fault) => say(fault.message, true)); });

// Painting
const at = (event) => {
    const frame = view.getBoundingClientRect();
    return [(event.clientX - frame.left) / frame.width, (event.clientY - frame.top) / frame.height];
};
const inPicture = ([x, y]) => [Math.min(Math.max(x * picture.width, 0), picture.width - 0.01), Math.min(Math.max(y * picture.height, 0), picture.height - 0.01)];
const width = () => number('size') / 100 * Math.max(view.width, view.height);
const line = (from, to) => {
    const erases = tool === 'eraser';
    trace(mask, from, to, erases);
    trace(added, from, to, erases);
    trace(removed, from, to, !erases);
    soon();
};
const trace = (onto, from, to, erases) => {
    const pen = onto.getContext('2d', { willReadFrequently: true });
    pen.globalCompositeOperation = erases ? 'destination-out' : 'source-over';
    Object.assign(pen, { lineCap: 'round', lineJoin: 'round', strokeStyle: '#fff', lineWidth: Math.max(1, width()) });
    pen.beginPath();
    pen.moveTo(from[0] * view.width, from[1] * view.height);
    pen.lineTo(to[0] * view.width + 0.01, to[1] * view.height);
    pen.stroke();
    pen.globalCompositeOperation = 'source-over';
};
const ring = (event) => {
    const circle = $('.easel-ring'), frame = view.getBoundingClientRect(), [x, y] = at(event);
    const side = Math.max(4, number('size') / 100 * Math.max(frame.width, frame.height));
    circle.style.cssText = `left:${100 * x}%;top:${100 * y}%;width:${side}px;height:${side}px`;
};
const frameOf = (one, two) => {
    const [[x0, y0], [x1, y1]] = [inPicture(one), inPicture(two)];
    return [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
};
const rubber = () => {
    const band = $('.easel-band');
    band.hidden = !box;
    if (!box) return;
    const [left, top, right, bottom] = frameOf(box.from, box.to);
    band.style.cssText = `left:${percent(left, picture.width)};top:${percent(top, picture.height)};width:${percent(right - left, picture.width)};height:${percent(bottom - top, picture.height)}`;
};
const fingers = new Map();
let pinch = null;
const spread = () => { const [a, b] = [...fingers.values()]; return { span: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }; };
let pressed = null;   // a name over the picture: a click means it, a stroke may begin on it
const touch = (event, from) => {
    paper.setPointerCapture(event.pointerId);
    if (tool === 'brush' || tool === 'eraser') { remember(); afresh(); stroke = { before: past[past.length - 1], at: from }; line(from, from); }
    if (tool === 'box') { box = { from, to: from }; rubber(); }
};
const abandon = () => { if (stroke) { ({ mask, added, removed } = stroke.before); past.pop(); stroke = null; soon(); } box = null; rubber(); };
paper.addEventListener('pointerdown', (event) => {
    if (!picture || busy() || fingers.size > 1) return;
    if (event.target.closest('button')) { pressed = event.button === 0 && tool !== 'point' && !fingers.size ? { id: event.pointerId, x: event.clientX, y: event.clientY, from: at(event) } : null; return; }
    if (event.button !== 0 && !(event.button === 2 && tool === 'point')) return;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (fingers.size === 2) { abandon(); pinch = { ...spread(), zoom }; return; }
    event.preventDefault();
    touch(event, at(event));
});
paper.addEventListener('pointermove', (event) => {
    if (!picture) return;
    ring(event);
    if (pressed && pressed.id === event.pointerId && Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) > 4) {
        const { from } = pressed;
        pressed = null;
        fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
        touch(event, from);
    }
    if (fingers.has(event.pointerId)) fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (pinch && fingers.size === 2) {
        const now = spread();
        resize(pinch.zoom * now.span / pinch.span);
        stage.scrollLeft -= now.x - pinch.x;
        stage.scrollTop -= now.y - pinch.y;
        pinch = { ...pinch, x: now.x, y: now.y };
        return;
    }
    if (stroke) { const to = at(event); line(stroke.at, to); stroke.at = to; }
    if (box) { box.to = at(event); rubber(); }
});
const lift = (event) => {
    pressed = null;
    const alone = fingers.size === 1 && !pinch, down = fingers.has(event.pointerId);
    fingers.delete(event.pointerId);
    if (!fingers.size) pinch = null;
    if (!alone || !down || busy()) return;
    if (stroke) { stroke = null; changed(); }
    if (box) {
        const frame = frameOf(box.from, box.to);
        box = null;
        rubber();
        if (frame[2] - frame[0] < 2 || frame[3] - frame[1] < 2) return say('Drag from one corner of the thing to the other.');
        remember();
        afresh();
        send('point', { points: [], box: frame, segmenter: $('[name=segmenter]').value }, 'Outlining...');
    } else if (tool === 'point') {
        const [x, y] = inPicture(at(event));
        remember();
        points = [...points, [Math.round(10 * x) / 10, Math.round(10 * y) / 10, event.button === 2 || event.altKey ? 0 : label]];
        ask();
    }
};
paper.addEventListener('pointerup', lift);
paper.addEventListener('pointercancel', (event) => { pressed = null; fingers.delete(event.pointerId); pinch = null; abandon(); });
paper.addEventListener('contextmenu', (event) => { if (tool === 'point') event.preventDefault(); });
const resize = (to) => {   // about the middle of what is seen
    const was = zoom, x = stage.scrollLeft + stage.clientWidth / 2, y = stage.scrollTop + stage.clientHeight / 2;
    zoom = Math.min(Math.max(to, 1), 8);
    paper.style.setProperty('--zoom', zoom);
    stage.scrollLeft = x * zoom / was - stage.clientWidth / 2;
    stage.scrollTop = y * zoom / was - stage.clientHeight / 2;
    if (picture) paper.style.setProperty('--ratio', picture.width / picture.height);
    $('[name=zoom]').value = zoom;
};

// Buttons, fields, keys, files
const pick = (name) => {
    tool = name;
    element.dataset.tool = name;
    $$('[data-tool-name]').forEach((button) => button.setAttribute('aria-pressed', String(button.dataset.toolName === name)));
};
const edit = (operation) => {
    if (!picture) return say('Open a picture first.', true);
    if (isEmpty() && operation !== 'invert') return say('The mask is empty: paint or find something first.', true);
    send('edit', { mask: mask.toDataURL(), operation, pixels: number('pixels') }, 'One moment...');
};
const bring = async (file, act) => {
    if (!file || busy()) return;
    const question = hold(act === 'open_file' ? 'Opening...' : 'Reading the mask...');
    try {
        const { path } = await upload(file);
        release(question);
        send(act, { path, name: file.name }, act === 'open_file' ? 'Opening...' : 'Reading the mask...');
    } catch (failed) { release(question); say('The file could not be sent; try again.', true); }
};
const acts = {
    undo: () => go(past, future), redo: () => go(future, past), find,
    stop: () => trigger('act', { act: 'stop', ref: picture ? picture.ref : '' }),
    clear: () => { if (!picture) return; remember(); empty(); shapes = shapes.map((shape) => ({ ...shape, kept: false })); afresh(); changed(); },
    forget: () => { remember(); shapes = []; afresh(); changed(); },
    newest: () => send('newest', {}, 'Opening...'),
    export: () => { if (!picture || isEmpty()) return say('The mask is empty: paint or find something first.', true); send('export', { mask: mask.toDataURL() }, 'Saving...'); },
    open: () => $('[name=picture-file]').click(), import: () => { if (!picture) return say('Open a picture first.', true); $('[name=mask-file]').click(); },
    plus: () => { label = 1; signs(); }, minus: () => { label = 0; signs(); },
    another: () => { afresh(); changed(); say('Click on the next thing.'); },
};
const signs = () => { $('[data-do=plus]').setAttribute('aria-pressed', String(label === 1)); $('[data-do=minus]').setAttribute('aria-pressed', String(label === 0)); };
element.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (!button || (busy() && button.dataset.do !== 'stop')) return;
    if (button.dataset.toolName) { pick(button.dataset.toolName); afresh(); changed(); if (tool === 'point') say('Click on a thing to find its shape.'); if (tool === 'box') say('Drag a box round a thing to find its shape.'); }
    if (button.dataset.do) acts[button.dataset.do]();
    if (button.dataset.edit) edit(button.dataset.edit);
});
element.addEventListener('input', (event) => {
    const field = event.target;
    if (field.name === 'zoom') resize(Number(field.value));
    if (field.name === 'alone') { draw(); marks(); }
    const shown = field.closest('label') && field.closest('label').querySelector('output');
    if (shown) shown.textContent = field.value;
});
element.addEventListener('change', (event) => {
    const field = event.target, file = field.files && field.files[0];
    if (field.name === 'picture-file') bring(file, 'open_file');
    if (field.name === 'mask-file') bring(file, 'import');
    if (file) field.value = '';
});
element.addEventListener('keydown', (event) => {
    if (event.target.name === 'phrases' && event.key === 'Enter' && !event.ctrlKey && !event.metaKey) { event.preventDefault(); find(); }
});
document.addEventListener('keydown', (event) => {
    if (element.offsetParent === null || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && key === 'z') { event.preventDefault(); event.shiftKey ? acts.redo() : acts.undo(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const tools = { b: 'brush', e: 'eraser', p: 'point', r: 'box' };
    if (tools[key] && !busy()) { pick(tools[key]); afresh(); changed(); }
    if (key === '[' || key === ']') { const size = $('[name=size]'); size.value = Number(size.value) + (key === ']' ? 1 : -1); size.dispatchEvent(new Event('input', { bubbles: true })); }
});
element.addEventListener('dragover', (event) => event.preventDefault());
element.addEventListener('drop', (event) => { event.preventDefault(); bring(event.dataTransfer.files[0], 'open_file'); });
const stored = () => { try { return JSON.parse(localStorage.getItem(KEPT) || '{}') || {}; } catch (broken) { return {}; } };
pick('brush');
signs();
resize(1);
changed();
const first = newest();
if (first.kind === 'opened') heard = hear(first);   // a picture was sent here before this tab was ever open
else greet();
