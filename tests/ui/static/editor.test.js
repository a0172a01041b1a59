import { mount } from '/static/mask_editor/mount.js';
import {
    LEFT, PICTURE, QUARTER, block, equal, found, ok, pngOf, share, test, until,
} from '/tests/testing.js';

const FAMILY = {
    name: 'pocket', words: ['clothing', 'hair'], segmenters: ['one', 'other'], segmenter: 'other',
    box_threshold: 0.25, text_threshold: 0.15, note: 'fetched with the first search',
};

/** The editor on its frame with a server that a test plays; `says` is what the server answers. */
const begun = (first = '', upload = async () => ({ path: '/uploads/x.png' })) => {
    const said = [], props = { value: first };
    let changed = () => {};
    const piece = {
        element: document.querySelector('#easel .easel'),
        props,
        trigger: (name, act) => said.push(act),
        watch: (name, callback) => { changed = callback; },
        upload,
    };
    const editor = mount(piece);
    const says = async (kind, answer = {}) => {
        props.value = JSON.stringify({ kind, ...answer });
        changed();
        await editor.server.heard;
    };
    /** The answer to what was asked last. */
    const answers = (kind, answer) => says(kind, { question: said.at(-1).question, ...answer });
    const press = (name) => editor.view.find(`[data-do=${name}], [data-edit=${name}]`).click();
    const note = () => editor.view.find('.easel-note').textContent;
    return { editor, said, says, answers, press, note };
};
const withPicture = async (picture = PICTURE) => {
    const all = begun();
    await all.answers('opened', { picture, family: FAMILY });
    return all;
};
const key = (name, more = {}) =>
    document.body.dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true, ...more }));

test('a page that opens asks for the picture it had', async () => {
    localStorage.setItem('understudy-easel', JSON.stringify({ ref: 'images/a.png', mask: '' }));
    const { said } = begun();
    equal([said[0].act, said[0].ref], ['hello', 'images/a.png']);
});

test('a picture that was sent before the tab was ever open is shown, and nothing is asked', async () => {
    const { editor, said } = begun(JSON.stringify({ kind: 'opened', picture: PICTURE }));
    await editor.server.heard;
    equal([said, editor.model.picture.ref], [[], PICTURE.ref]);
});

test('a picture comes onto the canvas with its size, and what a family offers beside it', async () => {
    const { editor, note } = await withPicture();
    const { view } = editor;
    equal([view.canvas.width, view.canvas.height, view.find('.easel-size').textContent], [40, 20, '40 x 20']);
    equal(note(), 'Paint over what shall change, or find it by a word.');
    equal([...view.element.querySelectorAll('.word')].map((chip) => chip.textContent), FAMILY.words);
    equal([view.number('box_threshold'), view.field('segmenter').value], [0.25, 'other']);
});

test('a visitor\'s own thresholds stay when the same family is told again', async () => {
    const { editor, says } = await withPicture();
    editor.view.fill('box_threshold', 0.6);
    await says('', { family: FAMILY });
    equal(editor.view.number('box_threshold'), 0.6);
    await says('', { family: { ...FAMILY, name: 'sdxl', box_threshold: 0.5 } });
    equal(editor.view.number('box_threshold'), 0.5);
});

test('the mask waits in the browser and comes back with its picture', async () => {
    const { editor } = await withPicture();
    editor.model.takeMask(block(LEFT));
    editor.changed();
    await until(() => (localStorage.getItem('understudy-easel') || '').includes('png'), 'the draft');
    const again = await withPicture();
    equal(share(again.editor.model.mask), 0.5);
    equal(again.note(), 'Your mask is back. Paint on, or find things by a word.');
});

test('a repainted picture brings the mask it was painted by', async () => {
    const { editor, note } = await withPicture({ ...PICTURE, mask: pngOf(block(QUARTER)) });
    equal(share(editor.model.mask), 0.25);
    ok(note().startsWith('It was repainted here'));
});

test('a draft whose picture is gone goes too', async () => {
    localStorage.setItem('understudy-easel', JSON.stringify({ ref: 'images/a.png', mask: '' }));
    const { answers } = begun();
    await answers('gone');
    equal(localStorage.getItem('understudy-easel'), null);
});

test('a search sends words, thresholds and segmenter, and what is found is listed and kept', async () => {
    const { editor, said, answers, press, note } = await withPicture();
    editor.view.field('phrases').value = ' hair ';
    press('find');
    const { question, ...asked } = said.at(-1);
    equal(asked, {
        act: 'find', ref: PICTURE.ref, phrases: 'hair', box_threshold: 0.25, text_threshold: 0.15, segmenter: 'other',
    });
    ok(editor.element.classList.contains('busy'));
    await answers('found', { masks: [found('hair', QUARTER, 0.5)], note: '' });
    equal([note(), share(editor.model.mask)], ['Found one thing. Click a name to drop or keep it.', 0.25]);
    ok(!editor.element.classList.contains('busy'));
    editor.view.find('.found button').click();
    ok(editor.model.isEmpty, 'a click on its name drops it');
    editor.view.find('.thing input').click();
    equal(share(editor.model.mask), 0.25);
});

test('words that say nothing, and a mask with nothing in it, are not sent', async () => {
    const { editor, said, press, note } = await withPicture();
    const before = said.length;
    editor.view.field('phrases').value = '?!';
    press('find');
    ok(note().startsWith('Say what to find in words'));
    press('grow');
    ok(note().startsWith('The mask is empty'));
    press('export');
    document.dispatchEvent(new CustomEvent('easel', { detail: 'repaint' }));
    ok(note().startsWith('The mask is empty: paint over'));
    equal(said.length, before);
});

test('without a picture every button says so', async () => {
    const { editor, said, answers, press, note } = begun();
    await answers('gone');
    for (const act of ['find', 'grow', 'export', 'import', 'clear']) {
        editor.say('');
        press(act);
        equal(note(), 'Open a picture first.', act);
    }
    equal(said.length, 1);
});

test('an empty mask may be turned inside out', async () => {
    const { editor, said, answers, press } = await withPicture();
    press('invert');
    equal([said.at(-1).operation, said.at(-1).pixels], ['invert', 3]);
    await answers('edited', { mask: pngOf(block([0, 0, 1, 1])), note: '' });
    equal(share(editor.model.mask), 1);
});

test('what was found is part of a mask that is grown', async () => {
    const { editor, answers, press, note } = await withPicture();
    press('find');
    await answers('found', { masks: [found('hair', QUARTER)], note: '' });
    press('grow');
    await answers('edited', { mask: pngOf(block(LEFT)), note: '' });
    equal([share(editor.model.mask), editor.model.shapes.length], [0.5, 0]);
    ok(note().includes('Undo brings the list back'));
    press('undo');
    equal([share(editor.model.mask), editor.model.shapes.length], [0.25, 1]);
});

test('nothing changes while an answer is waited for', async () => {
    const { editor, said, answers, press } = await withPicture();
    press('find');
    await answers('found', { masks: [found('hair', QUARTER)], note: '' });
    press('find');
    const asked = said.length;
    editor.view.find('.found button').click();
    ['undo', 'clear', 'grow', 'find', 'newest'].forEach(press);
    key('e');
    equal([share(editor.model.mask), editor.tools.name, said.length], [0.25, 'brush', asked]);
    press('stop');
    equal(said.at(-1), { act: 'stop', ref: PICTURE.ref });
});

test('clicks gather into one question, and a point against alone asks nothing', async () => {
    const { editor, said, answers, note } = await withPicture();
    const { click } = editor.done();
    editor.takeTool('point');
    const before = said.length;
    click([4, 4], true);
    ok(note().startsWith('This point takes away'));
    equal(said.length, before);
    click([5, 5], false);
    equal(said.at(-1).points, [[4, 4, 0], [5, 5, 1]]);
    await answers('pointed', { masks: [found('selection', LEFT)], box: null, note: '' });
    equal([share(editor.model.mask), editor.view.element.querySelectorAll('.dot').length], [0.5, 2]);
});

test('a point that is taken away asks again, the last one takes the shape along', async () => {
    const { editor, said, answers } = await withPicture();
    editor.takeTool('point');
    editor.done().click([5, 5], false);
    await answers('pointed', { masks: [found('selection', LEFT)], box: null, note: '' });
    const asked = said.length;
    editor.view.find('.dot').click();
    equal([editor.model.isEmpty, editor.model.shapes.length, said.length], [true, 0, asked]);
});

test('where nothing is found the mask stays as it is, and it is said', async () => {
    const { editor, answers, press, note } = await withPicture();
    editor.model.takeMask(block(LEFT));
    press('find');
    await answers('found', { masks: [], note: 'Nothing answers to it here.' });
    equal([share(editor.model.mask), note()], [0.5, 'Nothing answers to it here.']);
    ok(editor.view.find('.easel-note').classList.contains('bad'));
});

test('another candidate is another shape', async () => {
    const { editor, answers, press } = await withPicture();
    press('find');
    const thing = found('hair', QUARTER);
    thing.candidates.push({ png: pngOf(block(LEFT)), score: 0.4 });
    await answers('found', { masks: [thing], note: '' });
    editor.view.element.querySelectorAll('.candidate')[1].click();
    await until(() => share(editor.model.mask) === 0.5, 'the other candidate');
    equal(editor.machine.state, 'idle');
});

test('a candidate that cannot be shown is said, and nothing is waited for', async () => {
    const { editor, answers, press, note } = await withPicture();
    press('find');
    const thing = found('hair', QUARTER);
    thing.candidates.push({ png: 'data:image/png;base64,AAAA', score: 0.4 });
    await answers('found', { masks: [thing], note: '' });
    editor.view.element.querySelectorAll('.candidate')[1].click();
    await until(() => note() === 'a picture could not be shown', 'the note');
    equal([editor.machine.state, share(editor.model.mask)], ['idle', 0.25]);
});

test('a painting that begins is said, and that it is done, as long as nothing else was said', async () => {
    const { editor, says, answers, note } = await withPicture();
    document.body.append(Object.assign(document.createElement('div'), { id: 'painted' }));
    document.dispatchEvent(new CustomEvent('easel', { detail: 'wear' }));
    await answers('painting');
    equal(note(), 'Painting; the picture comes below.');
    await says('painted');
    equal(note(), 'Painted: it lies below.');
    document.dispatchEvent(new CustomEvent('easel', { detail: 'wear' }));
    await answers('painting');
    editor.say('Painting; something else that begins alike.');
    await says('painted');
    equal(note(), 'Painting; something else that begins alike.');
});

test('a question that failed is waited for no longer', async () => {
    const { editor, press } = await withPicture();
    press('find');
    document.dispatchEvent(new CustomEvent('easel', { detail: 'failed' }));
    equal([editor.machine.state, editor.element.classList.contains('busy')], ['idle', false]);
});

test('a file is sent and then opened; one that cannot be sent is said', async () => {
    const { editor, said } = await withPicture();
    await editor.bring(new File(['x'], 'mine.png'), 'open_file');
    equal([said.at(-1).act, said.at(-1).path, said.at(-1).name], ['open_file', '/uploads/x.png', 'mine.png']);
    const broken = begun('', async () => { throw new Error('no'); });
    await broken.answers('gone');
    await broken.editor.bring(new File(['x'], 'mine.png'), 'open_file');
    equal([broken.note(), broken.editor.machine.state], ['The file could not be sent; try again.', 'idle']);
});

test('keys take up tools, change the brush, undo and redo', async () => {
    const { editor } = await withPicture();
    key('e');
    equal([editor.tools.name, editor.element.dataset.tool], ['eraser', 'eraser']);
    key(']');
    equal([editor.view.number('size'), editor.view.field('size').nextElementSibling.textContent], [7, '7']);
    editor.model.takeMask(block(LEFT));
    key('z', { ctrlKey: true });
    ok(editor.model.isEmpty);
    key('z', { ctrlKey: true, shiftKey: true });
    equal(share(editor.model.mask), 0.5);
});

test('keys that are typed into a field, or on another tab, do nothing', async () => {
    const { editor } = await withPicture();
    editor.view.field('phrases').dispatchEvent(new KeyboardEvent('keydown', { key: 'e', bubbles: true }));
    equal(editor.tools.name, 'brush');
    document.querySelector('#easel').style.display = 'none';
    key('e');
    equal(editor.tools.name, 'brush');
});

test('a chip puts its word among those to find, or takes it out', async () => {
    const { editor } = await withPicture();
    const [clothing, hair] = editor.view.element.querySelectorAll('.word');
    const phrases = () => editor.view.field('phrases').value;
    hair.click();
    equal(phrases(), 'clothing, hair');
    clothing.click();
    equal(phrases(), 'hair');
});

test('the mask alone is white on black, without frames', async () => {
    const { editor, answers, press } = await withPicture();
    press('find');
    await answers('found', { masks: [found('hair', LEFT)], note: '' });
    equal(editor.view.element.querySelectorAll('.found').length, 1);
    editor.view.field('alone').click();
    const { data } = editor.view.pen.getImageData(0, 0, 40, 20);
    equal([[...data.slice(0, 4)], [...data.slice(-4)]], [[255, 255, 255, 255], [0, 0, 0, 255]]);
    equal(editor.view.element.querySelectorAll('.found').length, 0);
});
