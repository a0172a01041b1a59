// The mask waits in this browser: a reload loses nothing.

const KEY = 'understudy-easel', PAUSE = 400;   // ms

export class Draft {
    constructor(storage = localStorage) {
        this.storage = storage;
        this.timer = 0;
    }

    /** { ref, mask }: the picture, and its mask as a PNG; {} where nothing waits. */
    read() {
        try { return JSON.parse(this.storage.getItem(KEY) || '{}') || {}; } catch (broken) { return {}; }
    }

    keep(model) {
        if (!model.picture) return;   // what waits there has not been brought back yet
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.write(model), PAUSE);
    }

    write({ picture, mask, isEmpty }) {
        try {
            this.storage.setItem(KEY, JSON.stringify({ ref: picture.ref, mask: isEmpty ? '' : mask.toDataURL() }));
        } catch (full) { this.drop(); }
    }

    drop() {
        this.storage.removeItem(KEY);
    }
}
