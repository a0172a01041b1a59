// The mask editor: model, view, tools and server brought together. The server finds and computes; painting, keeping and
// undoing happen here.
import { Draft } from './draft.js';
import { INTERACTION, Machine } from './machine.js';
import { MaskModel, canvasSize } from './model.js';
import { imageFrom, maskFrom } from './pixels.js';
import { Conversation, told } from './protocol.js';
import { Tools } from './tools.js';
import { View } from './view.js';

export const NO_PICTURE = 'Open a picture first.', OPENING = 'Opening...', STARTING = 'Starting...';
const ONE_MOMENT = 'One moment...', OUTLINING = 'Outlining...';
const NO_MASK = 'The mask is empty: paint or find something first.';
const MERGED = ' What was found is part of the mask now; Undo brings the list back.';

export class MaskEditor {
    /** `trigger` and `upload` as Gradio gives them to the piece whose `element` this is. */
    constructor({ element, trigger, upload }, draft = new Draft()) {
        Object.assign(this, { element, upload, draft, family: '' });
        const model = this.model = new MaskModel();
        const machine = this.machine = new Machine(INTERACTION, 'idle');
        const view = this.view = new View(element, {
            toggle: (id) => this.change(() => model.toggle(id)),
            removePoint: (at) => this.change(() => model.removePoint(at), () => this.outline()),
            choose: (id, candidate) => this.choose(id, candidate),
            mend: (id) => this.mend(id),
        });
        this.server = new Conversation({
            trigger: (act) => trigger('act', act),
            waits: (words) => view.wait(words),
            machine,
            answers: this.answers(),
        });
        this.tools = new Tools({ view, model, machine, done: this.done() });
        this.tools.take('brush');
        view.zoomTo(1);
        this.changed();
    }

    get ref() {
        return this.model.picture ? this.model.picture.ref : '';
    }

    say(text, more) {
        this.view.say(text, more);
    }

    complain(text) {
        this.view.say(text, { bad: true });
    }

    changed() {
        this.view.render(this.model);
        this.draft.keep(this.model);
    }

    /** A change of the model, unless something is under way. */
    change(act, then = () => this.changed()) {
        if (!this.machine.free) return;
        act();
        then();
    }

    /** Asks the server, of the picture that is open. */
    ask(act, fields, words) {
        if (!this.model.picture) return this.complain(NO_PICTURE);
        this.server.ask(act, this.ref, fields, words);
    }

    /** Asks about the mask, if there is anything in it. */
    askOfMask(act, fields, words, without = NO_MASK) {
        if (!this.model.picture) return this.complain(NO_PICTURE);
        if (without && this.model.isEmpty) return this.complain(without);
        this.server.ask(act, this.ref, { mask: this.model.mask.toDataURL(), ...fields }, words);
    }

    // What pointers do

    done() {
        return {
            stroke: () => this.changed(),
            box: (box) => this.outlineBox(box),
            click: (point, isAgainst) => {
                this.model.addPoint(point, isAgainst ? 0 : this.model.sign);
                this.outline();
            },
        };
    }

    outlineBox(box) {
        if (!box) return this.say('Drag from one corner of the thing to the other.');
        this.model.remember();
        this.model.startAfresh();
        this.ask('point', { points: [], box, segmenter: this.view.field('segmenter').value }, OUTLINING);
    }

    /** Asks for the shape of the clicks, where they say enough. */
    outline() {
        const { points, mended } = this.model, box = mended ? mended.asked : null;
        if (!points.length && !box) {
            this.model.dropMended();
            return this.changed();
        }
        this.changed();
        if (!box && !points.some(([, , sign]) => sign)) {
            return this.say('This point takes away; click on the thing itself first, with "This".');
        }
        this.ask('point', { points, box, segmenter: this.view.field('segmenter').value }, OUTLINING);
    }

    // What the list does

    async choose(id, candidate) {
        const held = this.server.hold(ONE_MOMENT);
        if (!held) return;
        try {
            const image = await maskFrom(this.model.shape(id).candidates[candidate].png, this.model.size);
            this.server.release(held);
            this.change(() => { if (this.model.shape(id)) this.model.choose(id, candidate, image); });
        } catch (fault) {
            this.server.release(held);
            this.complain(fault.message);
        }
    }

    mend(id) {
        this.change(() => {
            this.tools.take('point');
            if (this.model.mending && this.model.mending.id === id) return this.model.startAfresh();
            this.model.mend(id);
            this.say('Click what is missing, or "Not this" and what is too much.');
        });
    }

    // What buttons and files ask

    search() {
        const { view } = this, phrases = view.field('phrases').value.trim();
        if (this.model.picture && !/[\p{L}\p{N}]/u.test(phrases)) {
            return this.complain('Say what to find in words, such as clothing; several with commas between.');
        }
        const [box, text] = ['box_threshold', 'text_threshold'].map((name) => view.number(name));
        const asked = { phrases, box_threshold: box, text_threshold: text, segmenter: view.field('segmenter').value };
        this.ask('find', asked, `Looking for ${phrases}...`);
    }

    edit(operation) {
        const without = operation === 'invert' ? '' : NO_MASK;
        this.askOfMask('edit', { operation, pixels: this.view.number('pixels') }, ONE_MOMENT, without);
    }

    repaint() {
        if (this.model.picture && this.model.isEmpty) {
            this.view.stage.scrollIntoView({ behavior: 'smooth', block: 'nearest' });
        }
        const without = 'The mask is empty: paint over what shall change, or find it by a word.';
        this.askOfMask('repaint', {}, STARTING, without);
    }

    /** A file for `open_file` or `import`. */
    async bring(file, act) {
        const words = act === 'open_file' ? OPENING : 'Reading the mask...';
        const held = file && this.server.hold(words);
        if (!held) return;
        const sent = await this.upload(file).catch(() => null);
        this.server.release(held);
        if (sent) this.server.ask(act, this.ref, { path: sent.path, name: file.name }, words);
        else this.complain('The file could not be sent; try again.');
    }

    takeTool(name) {
        this.change(() => {
            this.tools.take(name);
            this.model.startAfresh();
        });
    }

    // What the server says: each answer decodes what it needs first, then changes all at once

    answers() {
        return {
            family: async (family) => this.takeFamily(family),
            opened: (answer) => this.opened(answer),
            gone: async () => this.draft.drop(),
            found: (answer) => this.found(answer),
            pointed: (answer) => this.pointed(answer),
            edited: (answer) => this.edited(answer),
            exported: async (answer) => this.save(answer),
            sure: async ({ note }) => this.complain(note),
            painting: async () => {
                this.say('Painting; the picture comes below.', { about: 'painting' });
                document.getElementById('painted').scrollIntoView({ behavior: 'smooth', block: 'nearest' });
            },
            painted: async () => { if (this.view.about === 'painting') this.say('Painted: it lies below.'); },
        };
    }

    takeFamily(family) {
        if (family.name === this.family) return;   // the visitor's own thresholds stay
        this.family = family.name;
        this.view.showFamily(family);
    }

    async opened({ picture, note }) {
        const { ref, mask } = this.draft.read();
        const draft = ref === picture.ref && mask ? await imageFrom(mask) : null;
        const own = !draft && picture.mask ? await maskFrom(picture.mask, canvasSize(picture)) : null;
        this.tools.drop();
        this.model.open(picture, draft || own);
        this.view.open(this.model);
        const usual = draft ? 'Your mask is back. Paint on, or find things by a word.'
            : own ? 'It was repainted here: change the mask, or paint it again.'
                : 'Paint over what shall change, or find it by a word.';
        this.say(note || usual);
        this.changed();
    }

    async found({ masks, note }) {
        const images = await Promise.all(masks.map((found) => this.maskOf(found)));
        if (masks.length) this.model.takeFound(masks.map((found, at) => [found, images[at]]), this.view.place);
        const things = masks.length === 1 ? 'one thing' : `${masks.length} things`;
        if (masks.length) this.say(`Found ${things}. ${note || 'Click a name to drop or keep it.'}`);
        else this.complain(note);
        this.changed();
    }

    async pointed({ masks: [found], box, note }) {
        if (!found) return this.complain(note);
        const image = await this.maskOf(found), goesOn = this.tools.name === 'point';
        this.model.takePointed(found, image, { place: this.view.place, box, goesOn });
        if (goesOn) this.say('Click what is missing, or "Not this" and what is too much. The mask follows.');
        else this.say(note || 'Drag the next box, or click its name to drop it.');
        this.changed();
    }

    async edited({ mask, note }) {
        const image = await maskFrom(mask, this.model.size), isMerged = this.model.shapes.length > 0;
        this.model.takeMask(image);
        this.say((note || '') + (isMerged ? MERGED : ''));
        this.changed();
    }

    save({ url, name, note }) {
        const link = Object.assign(document.createElement('a'), { href: url, download: name });
        document.body.append(link);
        link.click();
        link.remove();
        this.say(note);
    }

    maskOf(found) {
        return maskFrom(found.candidates[0].png, this.model.size);
    }

    hear(text) {
        return this.server.hear(text, (fault) => this.complain(fault.message));
    }

    /** A page that opens: a picture may have been sent here before this tab was ever open. */
    begin(text) {
        if (told(text).kind === 'opened') this.hear(text);
        else this.server.greet(this.draft.read().ref || '');
    }
}
