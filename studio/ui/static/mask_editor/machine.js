// What the visitor is doing, and what may come next. What the table does not name is refused.

/** state: { event: the state after it }; `named` is a press on a name over the picture, a click or a stroke to be. */
export const INTERACTION = {
    idle: { name: 'named', brush: 'brushing', box: 'boxing', click: 'clicking', pinch: 'pinching', ask: 'waiting' },
    named: { brush: 'brushing', box: 'boxing', up: 'idle', cancel: 'idle', ask: 'waiting' },
    brushing: { pinch: 'pinching', up: 'idle', cancel: 'idle', ask: 'waiting' },
    boxing: { pinch: 'pinching', up: 'idle', cancel: 'idle', ask: 'waiting' },
    clicking: { pinch: 'pinching', up: 'idle', cancel: 'idle', ask: 'waiting' },
    pinching: { up: 'idle', cancel: 'idle', ask: 'waiting' },
    waiting: { answer: 'idle' },
};

export class Machine {
    constructor(table, state) {
        Object.assign(this, { table, state, watchers: [] });
    }

    /** Whether the event may happen now; if so, it has: watchers are told (from, event, to). */
    go(event) {
        const from = this.state, to = this.table[from][event];
        if (!to) return false;
        this.state = to;
        this.watchers.forEach((watcher) => watcher(from, event, to));
        return true;
    }

    watch(watcher) {
        this.watchers.push(watcher);
    }

    /** Nothing is under way: buttons and keys act. */
    get free() {
        return this.state === 'idle' || this.state === 'named';
    }
}
