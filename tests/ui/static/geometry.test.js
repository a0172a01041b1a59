import {
    boxBetween, boxStyle, pixelAt, placeIn, scrollAbout, spread, zoomWithin,
} from '/static/mask_editor/geometry.js';
import { PICTURE, equal, near, test } from '/tests/testing.js';

test('a point of the screen is the same place of the picture at any zoom', () => {
    const seen = { left: 100, top: 50, width: 400, height: 200 };
    equal(placeIn(seen, 300, 100), [0.5, 0.25]);
    const zoomed = { left: -300, top: -50, width: 1600, height: 800 };   // by four, scrolled
    equal(placeIn(zoomed, 500, 150), [0.5, 0.25]);
});

test('a place beside the picture counts as its edge', () => {
    equal(pixelAt([0.5, 0.25], PICTURE), [20, 5]);
    equal(pixelAt([-1, 2], PICTURE), [0, 19.99]);
});

test('a box is the same from whichever corner it is drawn', () => {
    const box = [10, 5, 20, 15];
    equal(boxBetween([0.25, 0.25], [0.5, 0.75], PICTURE), box);
    equal(boxBetween([0.5, 0.75], [0.25, 0.25], PICTURE), box);
    equal(boxBetween([0.5, 0.25], [0.25, 0.75], PICTURE), box);
});

test('a box lies over the picture in parts of it', () => {
    equal(boxStyle([10, 5, 20, 15], PICTURE), 'left:25.000%;top:25.000%;width:25.000%;height:50.000%');
});

test('zooming keeps the middle of what is seen in the middle', () => {
    const [seen, was, zoom, scroll] = [400, 2, 6, 300];
    const after = scrollAbout(scroll, seen, was, zoom);
    near((after + seen / 2) / zoom, (scroll + seen / 2) / was, 1e-9);
    equal(scrollAbout(0, 400, 1, 1), 0);
});

test('zoom stays between one and eight', () => {
    equal([0.2, 3, 40].map(zoomWithin), [1, 3, 8]);
});

test('two fingers have a middle and a distance', () => {
    equal(spread([{ x: 0, y: 0 }, { x: 30, y: 40 }]), { span: 50, x: 15, y: 20 });
});
