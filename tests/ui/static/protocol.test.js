import { INTERACTION, Machine } from '/static/mask_editor/machine.js';
import { ANSWERS, Conversation, answerIn, question } from '/static/mask_editor/protocol.js';
import { equal, fails, ok, test } from '/tests/testing.js';

/** A conversation that notes what it says, what it heard, and what it waits for. */
const talk = (replies = {}) => {
    const said = [], heard = [], waited = [], machine = new Machine(INTERACTION, 'idle');
    const kinds = [...Object.keys(ANSWERS), 'family'];
    const note = (kind) => [kind, async (answer) => { heard.push(kind); await (replies[kind] || (() => {}))(answer); }];
    const conversation = new Conversation({
        trigger: (act) => said.push(act),
        waits: (words) => waited.push(words),
        answers: Object.fromEntries(kinds.map(note)),
        machine,
    });
    const faults = [];
    const hear = (answer) => conversation.hear(JSON.stringify(answer), (fault) => faults.push(fault.message));
    return { conversation, machine, said, heard, waited, faults, hear };
};
const PICTURE = { ref: 'pictures/1' };

test('a question names its act, its picture and its number, and brings the fields of its act', () => {
    equal(question('edit', 'pictures/1', { mask: 'x', operation: 'grow', pixels: 3 }, 7), {
        act: 'edit', ref: 'pictures/1', mask: 'x', operation: 'grow', pixels: 3, question: 7,
    });
    equal(question('stop', 'pictures/1'), { act: 'stop', ref: 'pictures/1' });
});

test('a question with a field too many, too few or misspelt is none', () => {
    fails(() => question('edit', '', { mask: 'x', operation: 'grow' }), 'edit');
    fails(() => question('find', '', { phrase: 'hair' }), 'find');
    fails(() => question('wear', '', { mask: 'x' }), 'wear');
    fails(() => question('melt', ''), 'melt');
});

test('an answer is known by its kind', () => {
    equal(answerIn('{"kind": "edited", "mask": "x", "time": 1}').answer.kind, 'edited');
    equal(answerIn('{"kind": "", "family": {"name": "pocket"}}'), { family: { name: 'pocket' }, answer: null });
    equal(answerIn(''), { family: null, answer: null });
    equal(answerIn('{broken'), { family: null, answer: null });
});

test('an answer of an unknown kind, or without its fields, is refused in a sentence', () => {
    fails(() => answerIn('{"kind": "melted"}'), 'reload it');
    fails(() => answerIn('{"kind": "edited"}'), 'reload it');
});

test('one question is asked at a time, and its answer ends the waiting', async () => {
    const { conversation, machine, said, heard, waited, hear } = talk();
    conversation.ask('edit', 'pictures/1', { mask: 'x', operation: 'grow', pixels: 3 }, 'One moment...');
    conversation.ask('newest', 'pictures/1', {}, 'Opening...');
    equal([said.length, machine.state, waited], [1, 'waiting', ['One moment...']]);
    await hear({ kind: 'edited', mask: 'y', question: said[0].question });
    equal([heard, machine.state, waited.at(-1)], [['edited'], 'idle', null]);
});

test('an answer that comes too late is passed over', async () => {
    const { conversation, said, heard, hear } = talk();
    conversation.ask('newest', '', {}, 'Opening...');
    await hear({ kind: 'opened', picture: PICTURE, question: said[0].question });
    await hear({ kind: 'found', masks: [], question: said[0].question });
    equal(heard, ['opened']);
});

test('a picture that is sent unasked ends the waiting, and the answer about the old one is not heard', async () => {
    const { conversation, machine, said, heard, hear } = talk();
    conversation.ask('wear', 'pictures/1', {}, 'Starting...');
    await hear({ kind: 'opened', picture: PICTURE });
    equal(machine.state, 'idle');
    await hear({ kind: 'painting', question: said[0].question });
    equal(heard, ['opened']);
});

test('news of a painting that is done does not end what is waited for', async () => {
    const { conversation, machine, said, heard, hear } = talk();
    conversation.ask('wear', 'pictures/1', {}, 'Starting...');
    await hear({ kind: 'painted' });
    equal(machine.state, 'waiting');
    await hear({ kind: 'painting', question: said[0].question });
    equal([heard, machine.state], [['painted', 'painting'], 'idle']);
});

test('what is asked while the page is greeted waits for the greeting', async () => {
    const { conversation, machine, said, hear } = talk();
    conversation.greet('pictures/1');
    equal(said.map((act) => act.act), ['hello']);
    conversation.ask('newest', '', {}, 'Opening...');
    equal([said.length, machine.state], [1, 'waiting']);
    await hear({ kind: 'gone', question: said[0].question });
    equal([said.map((act) => act.act), machine.state], [['hello', 'newest'], 'waiting']);
    ok(said[1].question > said[0].question);
});

test('a greeting that fails lets go what waits for it', () => {
    const { conversation, said } = talk();
    conversation.greet('');
    conversation.ask('newest', '', {}, 'Opening...');
    conversation.failed();
    equal(said.map((act) => act.act), ['hello', 'newest']);
});

test('a greeting that is answered late is heard, unless something was asked since', async () => {
    const late = talk();
    late.conversation.greet('pictures/1');
    late.conversation.letGo();   // as after eight seconds
    await late.hear({ kind: 'opened', picture: PICTURE, question: late.said[0].question });
    equal(late.heard, ['opened']);
    const busy = talk();
    busy.conversation.greet('pictures/1');
    busy.conversation.letGo();
    busy.conversation.ask('newest', '', {}, 'Opening...');
    await busy.hear({ kind: 'gone', question: busy.said[0].question });
    equal([busy.heard, busy.machine.state], [[], 'waiting']);
});

test('a picture that is sent while the page is greeted is not taken away again', async () => {
    const { conversation, said, heard, hear } = talk();
    conversation.greet('pictures/1');
    await hear({ kind: 'opened', picture: { ref: 'pictures/2' } });
    await hear({ kind: 'opened', picture: PICTURE, question: said[0].question });
    equal(heard, ['opened']);
    conversation.ask('newest', '', {}, 'Opening...');
    equal(said.length, 2);
});

test('a question that fails is waited for no longer', () => {
    const { conversation, machine, waited } = talk();
    conversation.ask('newest', '', {}, 'Opening...');
    conversation.failed();
    equal([machine.state, waited], ['idle', ['Opening...', null]]);
    conversation.failed();
    equal(machine.state, 'idle');
});

test('an answer that cannot be shown ends the waiting all the same, and is told', async () => {
    const broken = () => { throw new Error('a picture could not be shown'); };
    const { conversation, machine, said, faults, hear } = talk({ opened: broken });
    conversation.ask('newest', '', {}, 'Opening...');
    await hear({ kind: 'opened', picture: PICTURE, question: said[0].question });
    equal([machine.state, faults], ['idle', ['a picture could not be shown']]);
});

test('answers are taken one after the other, each wholly', async () => {
    const order = [];
    const slow = async () => { await new Promise((go) => setTimeout(go, 30)); order.push('opened'); };
    const { hear } = talk({ opened: slow, painted: async () => { order.push('painted'); } });
    hear({ kind: 'opened', picture: PICTURE });
    await hear({ kind: 'painted' });
    equal(order, ['opened', 'painted']);
});

test('the family is told even by an answer that comes too late', async () => {
    const { heard, hear } = talk();
    await hear({ kind: 'gone', question: 99, family: { name: 'pocket' } });
    equal(heard, ['family']);
});
