// The mask of one picture: what was painted, what was found and kept, what clicks are about, and the way back.
import { canvasOf, copyOf, intersection, isBlank, shareOf, subtract, trace, unite } from './pixels.js';

export const LONGEST = 2048;   // pixels of the canvas's longer side: a larger picture is masked on a smaller canvas
const UNDO_BYTES = 96e6, LEAST_UNDO = 8;
const TINTS = [[87, 177, 255], [255, 196, 61], [120, 214, 120], [255, 128, 200], [170, 140, 255], [255, 150, 90]];

/** The canvas's size for a picture of this one, as the server has it too. */
export const canvasSize = ({ width, height }) => {
    const factor = Math.min(1, LONGEST / Math.max(width, height));
    return { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
};

export class MaskModel {
    constructor() {
        this.picture = null;                      // { ref, url, width, height }
        this.size = { width: 1, height: 1 };      // of the canvases
        this.mask = null;
        this.added = this.removed = null;         // what brush and eraser did: it outlasts whatever shapes do
        this.shapes = [];                         // what was found, as `shapeOf` makes it
        this.points = [];                         // clicks: [x, y, 1 for this or 0 for not this], pixels of the picture
        this.sign = 1;                            // of the next click
        this.mending = null;                      // whose clicks these are: { id, base: the mask without it, way }
        this.past = [];
        this.future = [];
        this.stroke = null;
        this.shapesMade = 0;
        this.tintsGiven = 0;
    }

    /** A picture to mask; `start` is an image or canvas of the mask it begins with. */
    open(picture, start = null) {
        Object.assign(this, { picture, size: canvasSize(picture), shapes: [], past: [], future: [], stroke: null });
        this.empty();
        if (start) unite(this.mask, start);
        this.startAfresh();
    }

    get isEmpty() {
        return !this.mask || isBlank(this.mask);
    }

    /** The share of the picture that will be repainted, 0 to 1. */
    get share() {
        return this.mask ? shareOf(this.mask) : 0;
    }

    shape(id) {
        return this.shapes.find((shape) => shape.id === id);
    }

    /** The shape that clicks mend, if there is one. */
    get mended() {
        return this.mending ? this.shape(this.mending.id) : undefined;
    }

    // Undo: the whole mask and what is kept, newest last

    snapshot() {
        const { points, mending } = this;
        const [mask, added, removed] = [this.mask, this.added, this.removed].map(copyOf);
        const shapes = this.shapes.map((shape) => ({ ...shape }));
        return { mask, added, removed, shapes, points: [...points], mending };
    }

    remember() {
        this.past.push(this.snapshot());
        this.future = [];
        const most = Math.max(LEAST_UNDO, Math.floor(UNDO_BYTES / (12 * this.size.width * this.size.height)));
        while (this.past.length > most) this.past.shift();
    }

    undo() {
        return this.travel(this.past, this.future);
    }

    redo() {
        return this.travel(this.future, this.past);
    }

    travel(from, to) {
        if (!from.length || this.stroke) return false;
        to.push(this.snapshot());
        Object.assign(this, from.pop());
        return true;
    }

    // Brush and eraser

    beginStroke(erases) {
        const { future } = this;
        this.remember();
        this.startAfresh();
        this.stroke = { erases, future };
    }

    /** From one place to another, each in parts of the picture; `width` in pixels of the canvas. */
    strokeTo(from, to, width) {
        const { erases } = this.stroke;
        const [start, end] = [from, to].map(([x, y]) => [x * this.size.width, y * this.size.height]);
        trace(this.mask, start, end, width, erases);
        trace(this.added, start, end, width, erases);
        trace(this.removed, start, end, width, !erases);
    }

    endStroke() {
        this.stroke = null;
    }

    /** As if it had never begun. */
    abandonStroke() {
        Object.assign(this, this.past.pop(), { future: this.stroke.future, stroke: null });
    }

    // What was found: kept, dropped, chosen

    /** A thing as the server tells of it, with the mask of its first candidate. */
    shapeOf(found, image, tint = null) {
        const own = tint || TINTS[this.tintsGiven++ % TINTS.length];
        return { ...found, id: ++this.shapesMade, image, tint: own, chosen: 0, kept: false, points: [], asked: null };
    }

    toggle(id) {
        this.remember();
        const shape = this.replace({ ...this.shape(id), kept: !this.shape(id).kept });
        if (shape.kept) unite(this.mask, shape.image);
        else this.drop(shape);
        this.repaint();
        if (this.mended === shape) this.startAfresh();
    }

    /** Another candidate takes the shape's place; `image` is its mask. */
    choose(id, candidate, image) {
        this.remember();
        const old = this.shape(id), shape = this.replace({ ...old, image, chosen: candidate });
        if (!shape.kept) return;
        this.drop(old);
        unite(this.mask, image);
        this.repaint();
    }

    /** The answer to a search: `things` are [found, image]; they join the mask, leave it, or become it alone. */
    takeFound(things, place) {
        this.remember();
        if (place === 'alone') this.emptyAll();
        this.startAfresh();
        const shapes = things.map(([found, image]) => ({ ...this.shapeOf(found, image), asked: found.box }));
        shapes.forEach((shape) => this.put(shape, place === 'take' ? 'take' : 'add'));
        this.repaint();
        const anew = new Set(shapes.map((shape) => shape.label));
        this.shapes = [...this.shapes.filter((old) => !anew.has(old.label)), ...shapes];
    }

    /** The answer to clicks or a `box`; where it `goesOn`, the next click mends this shape. */
    takePointed(found, image, { place, box, goesOn }) {
        const old = this.mended, points = [...this.points];
        let { base, way } = this.mending || { base: copyOf(this.mask), way: place === 'take' ? 'take' : 'add' };
        const shape = this.shapeOf(found, image, old && old.tint);
        Object.assign(shape, { asked: box || null, points });
        if (old) Object.assign(shape, { id: old.id, label: old.label, score: old.score });
        this.mask = copyOf(base);
        if (!old && place === 'alone') {
            this.emptyAll();
            base = copyOf(this.mask);
        }
        this.put(shape, way);
        this.repaint();
        if (old) this.replace(shape);
        else this.shapes = [...this.shapes, shape];
        if (goesOn) Object.assign(this, { mending: { id: shape.id, base, way }, points: [...points] });
        else this.startAfresh();
    }

    /** A changed mask takes the place of the whole; what was found is part of it. */
    takeMask(mask) {
        this.remember();
        this.emptyAll();
        this.mask = mask;
        this.startAfresh();
    }

    clear() {
        this.remember();
        this.empty();
        this.shapes = this.shapes.map((shape) => ({ ...shape, kept: false }));
        this.startAfresh();
    }

    /** The list goes, the mask stays. */
    forget() {
        this.remember();
        this.shapes = [];
        this.startAfresh();
    }

    // Clicks

    addPoint([x, y], sign) {
        this.remember();
        this.points = [...this.points, [x, y, sign]];
    }

    removePoint(at) {
        this.remember();
        this.points = this.points.filter((_, other) => other !== at);
    }

    /** Clicks belong to this shape from now on; its base is the mask as it would be without it. */
    mend(id) {
        const shape = this.shape(id), { mask } = this;
        this.mask = copyOf(mask);
        if (shape.kept) this.drop(shape);
        this.mending = { id, base: this.mask, way: shape.kept ? 'add' : 'leave' };
        Object.assign(this, { mask, points: [...shape.points], sign: 1 });
    }

    /** A shape whose last click was taken back was never there. */
    dropMended() {
        const shape = this.mended;
        if (shape) {
            this.mask = copyOf(this.mending.base);
            this.shapes = this.shapes.filter((other) => other !== shape);
        }
        this.startAfresh();
    }

    /** The next click begins a shape of its own. */
    startAfresh() {
        Object.assign(this, { points: [], mending: null, sign: 1 });
    }

    // Within

    empty() {
        const { width, height } = this.size;
        [this.mask, this.added, this.removed] = [0, 1, 2].map(() => canvasOf(width, height));
    }

    emptyAll() {
        this.empty();
        this.shapes = [];
    }

    replace(shape) {
        this.shapes = this.shapes.map((old) => (old.id === shape.id ? shape : old));
        return shape;
    }

    /** A shape into the mask: 'add', 'take' or, for one that was dropped, 'leave'. */
    put(shape, way) {
        if (way === 'add') unite(this.mask, shape.image);
        if (way === 'take') subtract(this.mask, shape.image);
        shape.kept = way === 'add';
    }

    /** A shape out of the mask; what other kept shapes have in common with it stays. */
    drop(shape) {
        subtract(this.mask, shape.image);
        this.shapes
            .filter((other) => other.id !== shape.id && other.kept)
            .forEach((other) => unite(this.mask, intersection(other.image, shape.image)));
    }

    /** Brush and eraser have the last word. */
    repaint() {
        subtract(this.mask, this.removed);
        unite(this.mask, this.added);
    }
}
