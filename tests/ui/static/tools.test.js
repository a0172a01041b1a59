import { INTERACTION, Machine } from '/static/mask_editor/machine.js';
import { Tools } from '/static/mask_editor/tools.js';
import { View } from '/static/mask_editor/view.js';
import { PICTURE, equal, near, ok, opened, share, test } from '/tests/testing.js';

/** The tools on the editor's own frame, with a picture open, and what they said was done. */
const atWork = (tool = 'brush') => {
    const element = document.querySelector('#easel .easel'), heard = [];
    const view = new View(element, { toggle: () => heard.push('toggle') });
    const model = opened(), machine = new Machine(INTERACTION, 'idle');
    const done = {
        stroke: () => heard.push('stroke'),
        box: (box) => heard.push(['box', box && box.map(Math.round)]),
        click: (point, isAgainst) => heard.push(['click', point, isAgainst]),
    };
    const tools = new Tools({ view, model, machine, done });
    view.paper.setPointerCapture = () => {};   // events that a test makes have no pointer to capture
    view.open(model);
    view.field('size').value = 10;
    tools.take(tool);
    /** An event of a pointer at a place of the picture, on the name over it if `on` is given. */
    const point = (kind, [x, y], { id = 1, on = view.paper, button = 0, buttons = 1, ...more } = {}) => {
        const frame = view.canvas.getBoundingClientRect();
        const [clientX, clientY] = [frame.left + x * frame.width, frame.top + y * frame.height];
        const event = { pointerId: id, clientX, clientY, button, buttons, bubbles: true, cancelable: true, ...more };
        on.dispatchEvent(new PointerEvent(`pointer${kind}`, event));
    };
    const drag = (from, to, more) => {
        point('down', from, more);
        point('move', to, more);
        point('up', to, { ...more, buttons: 0 });
    };
    return { view, model, machine, tools, heard, point, drag };
};

test('a stroke of the brush paints, one of the eraser takes away', () => {
    const { model, tools, heard, drag } = atWork();
    drag([0.1, 0.5], [0.9, 0.5]);
    const painted = share(model.mask);
    ok(painted > 0.1);
    tools.take('eraser');
    drag([0.1, 0.5], [0.5, 0.5]);
    ok(share(model.mask) < painted);
    equal([heard, model.past.length], [['stroke', 'stroke'], 2]);
});

test('a stroke lands on the same place of the picture at any zoom', () => {
    const { view, model, drag } = atWork();
    drag([0.25, 0.25], [0.4, 0.3]);
    const plain = [...model.mask.getContext('2d').getImageData(0, 0, 40, 20).data];
    model.open(PICTURE);
    view.zoomTo(4);
    view.stage.scrollLeft = 150;
    view.stage.scrollTop = 90;
    drag([0.25, 0.25], [0.4, 0.3]);
    const zoomed = [...model.mask.getContext('2d').getImageData(0, 0, 40, 20).data];
    const most = Math.max(...plain.map((value, at) => Math.abs(value - zoomed[at])));
    ok(most < 24, `a difference of ${most} of 255`);   // the screen's pixels are whole
});

test('the brush is as wide as its part of the picture\'s longer side', () => {
    const { view } = atWork();
    equal(view.brushWidth, 4);
});

test('the ring follows the pointer, as wide as the brush', () => {
    const { view, point } = atWork();
    point('move', [0.5, 0.25], { buttons: 0 });
    const ring = view.find('.easel-ring').style, frame = view.canvas.getBoundingClientRect();
    near(parseFloat(ring.left), 50, 0.5);
    near(parseFloat(ring.top), 25, 0.5);
    near(parseFloat(ring.width), frame.width / 10, 0.5);
});

test('a box is told in pixels of the picture, and is seen while it is drawn', () => {
    const { view, heard, point } = atWork('box');
    point('down', [0.25, 0.25]);
    point('move', [0.5, 0.75]);
    equal([view.find('.easel-band').hidden, view.find('.easel-band').style.left], [false, '25%']);
    point('up', [0.5, 0.75], { buttons: 0 });
    equal([heard, view.find('.easel-band').hidden], [[['box', [10, 5, 20, 15]]], true]);
});

test('a box of no size is none', () => {
    const { heard, drag } = atWork('box');
    drag([0.5, 0.5], [0.501, 0.501]);
    equal(heard, [['box', null]]);
});

test('a click is told where it ends; the right button, or Alt, is against', () => {
    const { heard, drag } = atWork('point');
    drag([0.5, 0.5], [0.5, 0.5]);
    drag([0.25, 0.5], [0.25, 0.5], { button: 2, buttons: 2 });
    drag([0.75, 0.5], [0.75, 0.5], { altKey: true });
    equal(heard, [['click', [20, 10], false], ['click', [10, 10], true], ['click', [30, 10], true]]);
});

test('the right button does nothing with any other tool', () => {
    const { model, heard, drag } = atWork();
    drag([0.1, 0.5], [0.9, 0.5], { button: 2, buttons: 2 });
    ok(model.isEmpty && !heard.length);
});

test('two fingers zoom, and what the first began was never meant', () => {
    const { view, model, machine, heard, point } = atWork();
    point('down', [0.3, 0.5]);
    point('move', [0.4, 0.5]);
    point('down', [0.6, 0.5], { id: 2 });
    ok(model.isEmpty && !model.past.length);
    equal(machine.state, 'pinching');
    point('move', [0.8, 0.5], { id: 2 });
    near(view.zoom, 2, 0.01);
    point('up', [0.8, 0.5], { id: 2, buttons: 0 });
    point('move', [0.1, 0.1]);
    point('up', [0.1, 0.1], { buttons: 0 });
    ok(model.isEmpty, 'the finger that is left paints nothing');
    equal([machine.state, heard], ['idle', []]);
});

test('two fingers with the click tool find nothing', () => {
    const { heard, point } = atWork('point');
    point('down', [0.3, 0.5]);
    point('down', [0.6, 0.5], { id: 2 });
    point('up', [0.6, 0.5], { id: 2, buttons: 0 });
    point('up', [0.3, 0.5], { buttons: 0 });
    equal(heard, []);
});

test('a stroke that the system breaks off leaves no trace', () => {
    const { model, machine, heard, point } = atWork();
    point('down', [0.3, 0.5]);
    point('move', [0.6, 0.5]);
    point('cancel', [0.6, 0.5]);
    equal([model.isEmpty, model.past.length, machine.state, heard], [true, 0, 'idle', []]);
});

test('another pointer that hovers does not draw the stroke elsewhere', () => {
    const { model, point } = atWork();
    point('down', [0.1, 0.1]);
    const before = share(model.mask);
    point('move', [0.9, 0.9], { id: 7, buttons: 0 });
    equal(share(model.mask), before);
});

/** A name over the picture, as a found thing has it. */
const nameOver = (view) => {
    const name = Object.assign(document.createElement('button'), { type: 'button', textContent: 'coat 0.90' });
    view.find('.easel-marks').append(name);
    return name;
};

test('a press on a name is a click on it, and a stroke once it moves', () => {
    const { view, model, machine, heard, point } = atWork();
    const name = nameOver(view);
    point('down', [0.3, 0.5], { on: name });
    equal([machine.state, machine.free], ['named', true]);
    point('up', [0.3, 0.5], { on: name, buttons: 0 });
    equal([machine.state, heard], ['idle', []]);
    point('down', [0.3, 0.5], { on: name });
    point('move', [0.6, 0.5], { on: name });
    point('up', [0.6, 0.5], { buttons: 0 });
    equal(heard, ['stroke']);
    ok(share(model.mask) > 0.05, 'it begins where the press was');
});

test('a press on a name that is let go elsewhere begins no stroke', () => {
    const { view, model, machine, point } = atWork();
    point('down', [0.3, 0.5], { on: nameOver(view) });
    point('move', [0.6, 0.5], { buttons: 0 });
    equal([model.isEmpty, machine.state], [true, 'idle']);
});

test('nothing begins while an answer is waited for', () => {
    const { model, machine, heard, drag } = atWork();
    machine.go('ask');
    drag([0.1, 0.5], [0.9, 0.5]);
    equal([model.isEmpty, heard, machine.state], [true, [], 'waiting']);
});

test('a question in the middle of a stroke keeps what was painted, and ends it', () => {
    const { model, machine, heard, point } = atWork();
    point('down', [0.1, 0.5]);
    point('move', [0.5, 0.5]);
    machine.go('ask');
    const painted = share(model.mask);
    ok(painted > 0.05 && model.stroke === null);
    point('move', [0.9, 0.5]);
    point('up', [0.9, 0.5], { buttons: 0 });
    machine.go('answer');
    equal([share(model.mask), heard, machine.state], [painted, [], 'idle']);
});

test('nothing happens without a picture', () => {
    const { model, heard, drag } = atWork();
    model.picture = null;
    drag([0.1, 0.5], [0.9, 0.5]);
    equal(heard, []);
});
