// What the editor and the server tell each other. A question is an act, as from every piece of the page, with a number;
// its answer has a kind and repeats the number. One question at a time, and nothing else changes until it is answered.

const PATIENCE = 8000;   // ms: so long a question waits for the answer to the greeting
const STALE = 'This page is older than the studio; reload it.';

/** act: the fields that it brings beside `ref`, the picture it is about. */
export const QUESTIONS = {
    hello: [],
    newest: [],
    open_file: ['path', 'name'],
    find: ['phrases', 'box_threshold', 'text_threshold', 'segmenter'],
    point: ['points', 'box', 'segmenter'],
    edit: ['mask', 'operation', 'pixels'],
    import: ['path', 'name'],
    export: ['mask'],
    repaint: ['mask'],
    wear: [],
    stop: [],
};

/** kind: the fields without which it is no such answer. */
export const ANSWERS = {
    opened: ['picture'],
    gone: [],
    found: ['masks'],
    pointed: ['masks'],
    edited: ['mask'],
    exported: ['url', 'name'],
    sure: ['note'],
    painting: [],
    painted: [],
};
const NEWS = new Set(['painted']);   // told unasked, and no answer to what is asked meanwhile

/** A question as the server takes it. Throws where its fields are not those of its act. */
export const question = (act, ref, fields = {}, number = 0) => {
    const given = Object.keys(fields).sort().join(' '), wanted = QUESTIONS[act] && [...QUESTIONS[act]].sort().join(' ');
    if (given !== wanted) throw new Error(`no such question: ${act} with ${given || 'nothing'}`);
    return { act, ref, ...fields, ...(number ? { question: number } : {}) };
};

/** What the server's text says; nothing where there is none, or none that can be read. */
export const told = (text) => {
    try { return JSON.parse(text || '{}') || {}; } catch (broken) { return {}; }
};

/** Its answer, null where it tells of the family at most, and the family. Throws for an answer of no known kind. */
export const answerIn = (text) => {
    const { family = null, ...answer } = told(text);
    if (!answer.kind) return { family, answer: null };
    const fields = ANSWERS[answer.kind];
    if (!fields || fields.some((name) => !(name in answer))) throw new Error(STALE);
    return { family, answer };
};

export class Conversation {
    /**
     * `trigger(act)` tells the server; `machine` knows whether anything may be asked; `answers` has an async function
     * for each kind, and `family`; `waits(words)` shows what is waited for, null when nothing is.
     */
    constructor({ trigger, machine, answers, waits }) {
        Object.assign(this, { trigger, machine, answers, waits });
        this.numbers = 0;
        this.asked = null;      // the question that is under way: { number }
        this.greeting = 0;      // the number of a hello that has no answer yet
        this.isPatient = false; // what is asked waits for it
        this.postponed = null;  // and is said then
        this.heard = Promise.resolve();
    }

    /**
     * A page that opens. Two answers at once would be seen as one: what is asked meanwhile waits for this one's, though
     * not for ever. An answer that is later still is heard, unless something else was asked or opened since.
     */
    greet(ref) {
        this.greeting = ++this.numbers;
        this.isPatient = true;
        this.trigger(question('hello', ref, {}, this.greeting));
        setTimeout(() => this.letGo(), PATIENCE);
    }

    letGo() {
        const say = this.postponed;
        this.isPatient = false;
        this.postponed = null;
        if (say) say();
    }

    greeted() {
        this.greeting = 0;
        this.letGo();
    }

    /** Says something that has no answer. */
    tell(act, ref) {
        this.trigger(question(act, ref));
    }

    /** Asks, unless something else is asked already. */
    ask(act, ref, fields, words) {
        const asked = this.hold(words);
        if (!asked) return;
        const say = () => {
            this.greeting = 0;
            this.trigger(question(act, ref, fields, asked.number));
        };
        if (this.isPatient) this.postponed = say;
        else say();
    }

    /** Nothing changes until `release`; null where something is waited for already. */
    hold(words) {
        if (!this.machine.go('ask')) return null;
        this.asked = { number: ++this.numbers };
        this.waits(words);
        return this.asked;
    }

    release(asked) {
        if (!asked || this.asked !== asked) return;
        this.asked = null;
        this.waits(null);
        this.machine.go('answer');
    }

    /** What was asked last has failed; the visitor was told by a message of the page. */
    failed() {
        if (this.isPatient) this.greeted();
        else this.release(this.asked);
    }

    /** One answer after the other, each wholly. `excuse(error)` tells the visitor what went wrong. */
    hear(text, excuse) {
        this.heard = this.heard.then(() => this.take(text)).catch(excuse);
        return this.heard;
    }

    async take(text) {
        const { family, answer } = answerIn(text);
        if (family) await this.answers.family(family);
        if (!answer) return;
        const { asked } = this, number = answer.question;
        if (number && number === this.greeting) {
            try { await this.answers[answer.kind](answer); } finally { this.greeted(); }
        } else if (!number && NEWS.has(answer.kind)) {
            await this.answers[answer.kind](answer);
        } else if (!number || (asked && asked.number === number)) {   // any other comes too late, of another picture
            if (this.greeting) this.greeted();
            try { await this.answers[answer.kind](answer); } finally { this.release(asked); }
        }
    }
}
