// What tests of the page's modules share. A file of tests is imported by a page, which runs one of them by its name.
import { MaskModel } from '/static/mask_editor/model.js';
import { canvasOf, penOf } from '/static/mask_editor/pixels.js';

export const tests = {};
export const test = (name, run) => { tests[name] = run; };

export const equal = (found, wanted, about = '') => {
    const [one, other] = [found, wanted].map((value) => JSON.stringify(value));
    if (one !== other) throw new Error(`${about} is ${one}, not ${other}`);
};
export const ok = (found, about = 'it') => { if (!found) throw new Error(`${about} is not so`); };
export const near = (found, wanted, slack, about = '') => {
    if (!(Math.abs(found - wanted) <= slack)) throw new Error(`${about} is ${found}, not ${wanted} within ${slack}`);
};
export const fails = (act, words) => {
    try { act(); } catch (error) {
        if (error.message.includes(words)) return;
        throw error;
    }
    throw new Error(`nothing was said of ${words}`);
};
export const until = async (holds, about = 'it') => {
    for (let tries = 0; tries < 200; tries += 1) {
        if (holds()) return;
        await new Promise((go) => setTimeout(go, 10));
    }
    throw new Error(`${about} does not come true`);
};

export const PICTURE = { ref: 'pictures/1', url: 'data:,', width: 40, height: 20 };

/** A model with a picture on it, nothing in its mask. */
export const opened = (picture = PICTURE) => {
    const model = new MaskModel();
    model.open(picture);
    return model;
};

/** A mask with these parts of it inside: left, top, right, bottom. */
export const block = ([left, top, right, bottom], { width, height } = PICTURE) => {
    const made = canvasOf(width, height);
    penOf(made).fillRect(left * width, top * height, (right - left) * width, (bottom - top) * height);
    return made;
};

/** How much of a mask is inside. */
export const share = (mask) => {
    const { data } = penOf(mask).getImageData(0, 0, mask.width, mask.height);
    let inside = 0;
    for (let at = 3; at < data.length; at += 4) inside += data[at] > 127;
    return inside / (mask.width * mask.height);
};

/** A black PNG, white where the mask is, as the server sends it. */
export const pngOf = (mask) => {
    const made = canvasOf(mask.width, mask.height), pen = penOf(made);
    pen.drawImage(mask, 0, 0);
    pen.globalCompositeOperation = 'source-in';
    pen.fillStyle = '#fff';
    pen.fillRect(0, 0, made.width, made.height);
    pen.globalCompositeOperation = 'destination-over';
    pen.fillStyle = '#000';
    pen.fillRect(0, 0, made.width, made.height);
    return made.toDataURL();
};

/** A thing as the server tells of it. */
export const found = (label, part, score = 0.9) => ({
    label,
    score,
    box: [part[0] * PICTURE.width, part[1] * PICTURE.height, part[2] * PICTURE.width, part[3] * PICTURE.height],
    candidates: [{ png: pngOf(block(part)), score }],
});
export const LEFT = [0, 0, 0.5, 1], RIGHT = [0.5, 0, 1, 1], TOP = [0, 0, 1, 0.5], QUARTER = [0, 0, 0.5, 0.5];
