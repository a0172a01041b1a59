import { INTERACTION, Machine } from '/static/mask_editor/machine.js';
import { equal, ok, test } from '/tests/testing.js';

const after = (...events) => {
    const machine = new Machine(INTERACTION, 'idle');
    events.forEach((event) => ok(machine.go(event), `${event} in ${machine.state}`));
    return machine;
};

test('every state is known, is reached from idle, and leads back to it', () => {
    const states = Object.keys(INTERACTION);
    const next = (state) => Object.values(INTERACTION[state]);
    equal(states.flatMap(next).filter((state) => !states.includes(state)), []);
    const reached = new Set(['idle']);
    states.forEach(() => reached.forEach((state) => next(state).forEach((to) => reached.add(to))));
    equal([...reached].sort(), [...states].sort());
    equal(states.filter((state) => state !== 'idle' && !next(state).includes('idle')), []);
});

test('while an answer is waited for nothing else happens', () => {
    const machine = after('ask');
    const others = ['name', 'brush', 'box', 'click', 'pinch', 'up', 'cancel', 'ask'];
    others.forEach((event) => equal(machine.go(event), false, event));
    ok(machine.go('answer'));
    equal(machine.state, 'idle');
});

test('a question may come in the middle of anything but another question', () => {
    const others = Object.keys(INTERACTION).filter((state) => state !== 'waiting');
    others.forEach((state) => equal(INTERACTION[state].ask, 'waiting', state));
});

test('a press on a name becomes a stroke or a box when it moves, and no click on the picture', () => {
    equal(after('name', 'brush').state, 'brushing');
    equal(after('name', 'box').state, 'boxing');
    equal(after('name').go('click'), false);
});

test('a second finger ends stroke, box and click, and both must go before the next', () => {
    ['brush', 'box', 'click'].forEach((gesture) => {
        const machine = after(gesture, 'pinch');
        equal(machine.go(gesture), false);
        ok(machine.go('up'));
    });
});

test('buttons and keys act while nothing is under way', () => {
    ok(after().free && after('name').free && after('brush', 'up').free);
    ok(!after('brush').free && !after('ask').free && !after('box', 'pinch').free);
});

test('watchers hear of what happened and of nothing that was refused', () => {
    const machine = after(), heard = [];
    machine.watch((...change) => heard.push(change));
    machine.go('brush');
    machine.go('box');
    machine.go('up');
    equal(heard, [['idle', 'brush', 'brushing'], ['brushing', 'up', 'idle']]);
});
