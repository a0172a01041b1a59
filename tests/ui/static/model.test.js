import { canvasSize } from '/static/mask_editor/model.js';
import { LEFT, QUARTER, RIGHT, TOP, block, equal, found, near, ok, opened, share, test } from '/tests/testing.js';

const paint = (model, from, to, { erases = false, width = 4 } = {}) => {
    model.beginStroke(erases);
    model.strokeTo(from, to, width);
    model.endStroke();
};
const find = (model, label, part, place = 'add') => {
    model.takeFound([[found(label, part), block(part)]], place);
    return model.shapes.at(-1).id;
};
const click = (model, part, more = {}) => {
    model.addPoint([1, 1], 1);
    model.takePointed(found('selection', part), block(part), { place: 'add', goesOn: true, ...more });
};

test('a picture begins with an empty mask, or with the one it is given', () => {
    const model = opened();
    ok(model.isEmpty);
    model.open({ ...model.picture }, block(LEFT));
    equal(share(model.mask), 0.5);
    equal(model.past.length, 0);
});

test('the share that will change is that of the mask', () => {
    const model = opened();
    equal(model.share, 0);
    model.open({ ...model.picture }, block(LEFT));
    equal(model.share, 0.5);
});

test('a large picture is masked on a canvas of 2048 pixels, a small one on its own size', () => {
    equal(canvasSize({ width: 3000, height: 1500 }), { width: 2048, height: 1024 });
    equal(canvasSize({ width: 128, height: 96 }), { width: 128, height: 96 });
    equal(canvasSize({ width: 9000, height: 1 }), { width: 2048, height: 1 });
});

test('a stroke joins the mask, undo takes it back and redo brings it again', () => {
    const model = opened();
    paint(model, [0.1, 0.5], [0.9, 0.5]);
    const painted = share(model.mask);
    near(painted, 0.17, 0.05, 'a line of 32 by 4 pixels');
    ok(model.undo() && model.isEmpty);
    ok(model.redo());
    equal(share(model.mask), painted);
    equal(model.redo(), false);
});

test('a press without a move is a dot of the brush\'s width', () => {
    const model = opened();
    paint(model, [0.5, 0.5], [0.5, 0.5], { width: 8 });
    near(share(model.mask) * 800, 50, 8);
});

test('what was undone is gone once something else is done', () => {
    const model = opened();
    paint(model, [0.1, 0.5], [0.9, 0.5]);
    model.undo();
    paint(model, [0.1, 0.1], [0.2, 0.1]);
    equal(model.future.length, 0);
});

test('an abandoned stroke leaves no trace, and what was undone before comes back still', () => {
    const model = opened();
    paint(model, [0.1, 0.5], [0.9, 0.5]);
    model.undo();
    model.beginStroke(false);
    model.strokeTo([0, 0], [1, 1], 6);
    model.abandonStroke();
    ok(model.isEmpty);
    equal([model.past.length, model.future.length, model.stroke], [0, 1, null]);
});

test('nothing is undone in the middle of a stroke', () => {
    const model = opened();
    paint(model, [0.1, 0.5], [0.9, 0.5]);
    model.beginStroke(false);
    equal(model.undo(), false);
});

test('a small picture goes back many steps, the largest eight', () => {
    const model = opened();
    for (let steps = 0; steps < 30; steps += 1) paint(model, [0, 0], [1, 1]);
    equal(model.past.length, 30);
    model.size = { width: 2048, height: 2048 };
    model.remember();
    equal(model.past.length, 8);
});

test('what is found joins the mask, leaves it, or becomes it alone', () => {
    const model = opened();
    find(model, 'coat', LEFT);
    equal([share(model.mask), model.shapes[0].kept], [0.5, true]);
    find(model, 'hat', QUARTER, 'take');
    equal([share(model.mask), model.shapes[1].kept], [0.25, false]);
    find(model, 'shoes', RIGHT, 'alone');
    equal([share(model.mask), model.shapes.map((shape) => shape.label)], [0.5, ['shoes']]);
});

test('what is found again takes the place of what had its name', () => {
    const model = opened();
    const id = find(model, 'coat', LEFT);
    find(model, 'coat', QUARTER);
    equal(model.shapes.length, 1);
    ok(model.shapes[0].id !== id);
});

test('things are told apart by their colours', () => {
    const model = opened();
    model.takeFound(['a', 'b', 'c'].map((label) => [found(label, LEFT), block(LEFT)]), 'add');
    equal(new Set(model.shapes.map((shape) => String(shape.tint))).size, 3);
});

test('a shape that is dropped leaves what another has in common with it', () => {
    const model = opened();
    const left = find(model, 'coat', LEFT);
    find(model, 'hat', TOP);
    equal(share(model.mask), 0.75);
    model.toggle(left);
    equal(share(model.mask), 0.5);
    model.toggle(left);
    equal(share(model.mask), 0.75);
});

test('brush and eraser have the last word over whatever shapes do', () => {
    const model = opened();
    const id = find(model, 'coat', LEFT);
    paint(model, [0.25, 0.5], [0.25, 0.5], { erases: true, width: 8 });
    paint(model, [0.75, 0.5], [0.75, 0.5], { width: 8 });
    const both = share(model.mask);
    model.toggle(id);
    near(share(model.mask) * 800, 55, 8, 'what was painted');
    model.toggle(id);
    near(share(model.mask), both, 0.02);
});

test('another candidate takes the place of the one before', () => {
    const model = opened();
    const id = find(model, 'coat', LEFT);
    model.choose(id, 1, block(QUARTER));
    equal([share(model.mask), model.shape(id).chosen], [0.25, 1]);
    model.undo();
    equal([share(model.mask), model.shape(id).chosen], [0.5, 0]);
});

test('another candidate of a dropped shape changes nothing in the mask', () => {
    const model = opened();
    const id = find(model, 'coat', LEFT);
    model.toggle(id);
    model.choose(id, 1, block(QUARTER));
    ok(model.isEmpty);
});

test('a second click mends the shape of the first, which keeps its name', () => {
    const model = opened();
    click(model, LEFT);
    const [first] = model.shapes;
    click(model, QUARTER);
    equal([model.shapes.length, share(model.mask), model.points.length], [1, 0.25, 2]);
    equal([model.mended.id, model.mended.tint], [first.id, first.tint]);
});

test('a shape of clicks that is alone stays alone when it is mended', () => {
    const model = opened();
    paint(model, [0.9, 0.5], [0.9, 0.5], { width: 8 });
    click(model, LEFT, { place: 'alone' });
    click(model, QUARTER, { place: 'alone' });
    equal(share(model.mask), 0.25);
});

test('the sign of the next click stays while a shape is mended, and is plus for the next', () => {
    const model = opened();
    click(model, LEFT);
    model.sign = 0;
    click(model, QUARTER);
    equal(model.sign, 0);
    model.startAfresh();
    equal([model.sign, model.points, model.mending], [1, [], null]);
});

test('a box finds a shape and is done with', () => {
    const model = opened();
    model.remember();
    model.takePointed(found('selection', LEFT), block(LEFT), { place: 'add', box: [0, 0, 20, 20], goesOn: false });
    equal([model.shapes[0].asked, model.mending], [[0, 0, 20, 20], null]);
});

test('a shape whose last click is taken back was never there', () => {
    const model = opened();
    click(model, LEFT);
    model.removePoint(0);
    model.dropMended();
    equal([model.shapes.length, model.isEmpty, model.mending], [0, true, null]);
});

test('a found shape is mended from the mask as it is without it', () => {
    const model = opened();
    const coat = find(model, 'coat', LEFT);
    find(model, 'hat', RIGHT);
    model.mend(coat);
    click(model, QUARTER);
    equal([share(model.mask), model.shape(coat).label], [0.75, 'coat']);
});

test('a dropped shape that is mended stays dropped', () => {
    const model = opened();
    const coat = find(model, 'coat', LEFT);
    model.toggle(coat);
    model.mend(coat);
    click(model, QUARTER);
    equal([model.isEmpty, model.shape(coat).kept], [true, false]);
});

test('a mask that was grown takes the place of mask and list, and undo brings both back', () => {
    const model = opened();
    find(model, 'coat', QUARTER);
    model.takeMask(block(LEFT));
    equal([share(model.mask), model.shapes.length], [0.5, 0]);
    model.undo();
    equal([share(model.mask), model.shapes.length], [0.25, 1]);
});

test('a stroke after a mask was grown erases from it', () => {
    const model = opened();
    model.takeMask(block(LEFT));
    paint(model, [0.25, 0], [0.25, 1], { erases: true, width: 4 });
    ok(share(model.mask) < 0.45);
});

test('clearing drops every shape and keeps the list, forgetting keeps the mask', () => {
    const model = opened();
    find(model, 'coat', LEFT);
    model.forget();
    equal([share(model.mask), model.shapes.length], [0.5, 0]);
    model.undo();
    model.clear();
    equal([model.isEmpty, model.shapes.map((shape) => shape.kept)], [true, [false]]);
});

test('undo brings back clicks and what they mended', () => {
    const model = opened();
    click(model, LEFT);
    model.clear();
    model.undo();
    equal([model.points.length, model.mended.label], [1, 'selection']);
});
