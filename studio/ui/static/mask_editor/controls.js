// The editor's buttons, fields, keys and files, and what the page's own buttons ask of it.
import { NO_PICTURE, OPENING, STARTING } from './editor.js';

const HINTS = { point: 'Click on a thing to find its shape.', box: 'Drag a box round a thing to find its shape.' };
const KEYS = { b: 'brush', e: 'eraser', p: 'point', r: 'box' };

export class Controls {
    constructor(editor, element) {
        Object.assign(this, { editor, view: editor.view, acts: this.actsOf(editor) });
        element.addEventListener('click', (event) => this.clicked(event.target.closest('button')));
        element.addEventListener('input', (event) => this.typed(event.target));
        element.addEventListener('change', (event) => this.chosen(event.target));
        element.addEventListener('keydown', (event) => this.entered(event));
        element.addEventListener('dragover', (event) => event.preventDefault());
        element.addEventListener('drop', (event) => {
            event.preventDefault();
            editor.bring(event.dataTransfer.files[0], 'open_file');
        });
        document.addEventListener('keydown', (event) => this.shortcut(event));
        document.addEventListener('easel', (event) => this.acts[event.detail]());
    }

    /** What the buttons do, by their `data-do`; and what the page asks for by an event `easel` with the act's name. */
    actsOf(editor) {
        const { model, view, server } = editor;
        const withPicture = (act) => () => (model.picture ? act() : editor.complain(NO_PICTURE));
        return {
            undo: () => editor.change(() => model.undo()),
            redo: () => editor.change(() => model.redo()),
            clear: withPicture(() => editor.change(() => model.clear())),
            forget: withPicture(() => editor.change(() => model.forget())),
            plus: () => this.sign(1),
            minus: () => this.sign(0),
            another: () => {
                editor.change(() => model.startAfresh());
                editor.say('Click on the next thing.');
            },
            find: () => editor.search(),
            stop: () => server.tell('stop', editor.ref),
            newest: () => server.ask('newest', editor.ref, {}, OPENING),
            open: () => view.field('picture-file').click(),
            import: withPicture(() => view.field('mask-file').click()),
            export: () => editor.askOfMask('export', {}, 'Saving...'),
            repaint: () => editor.repaint(),
            wear: () => editor.ask('wear', {}, STARTING),
            failed: () => server.failed(),
        };
    }

    /** Of the next click: 1 adds what it hits, 0 takes it away. */
    sign(sign) {
        this.editor.model.sign = sign;
        this.view.showSign(sign);
    }

    clicked(button) {
        if (!button || (!this.editor.machine.free && button.dataset.do !== 'stop')) return;
        const { toolName, do: act, edit } = button.dataset;
        if (toolName) {
            this.editor.takeTool(toolName);
            if (HINTS[toolName]) this.editor.say(HINTS[toolName]);
        }
        if (act) this.acts[act]();
        if (edit) this.editor.edit(edit);
    }

    typed(field) {
        if (field.name === 'zoom') this.view.zoomTo(Number(field.value));
        if (field.name === 'alone') {
            this.view.draw(this.editor.model);
            this.view.drawMarks(this.editor.model);
        }
        const label = field.closest('label'), shown = label && label.querySelector('output');
        if (shown) shown.textContent = field.value;
    }

    chosen(field) {
        const file = field.files && field.files[0];
        if (!file) return;
        if (field.name === 'picture-file') this.editor.bring(file, 'open_file');
        if (field.name === 'mask-file') this.editor.bring(file, 'import');
        field.value = '';
    }

    /** Enter in the field of words; with Ctrl it is the page's main button. */
    entered(event) {
        if (event.target.name !== 'phrases' || event.key !== 'Enter' || event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        this.editor.search();
    }

    /** Keys of the whole page, while the editor is seen and nobody types. */
    shortcut(event) {
        const isSeen = this.view.stage.offsetParent !== null;
        if (!isSeen || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
        const key = event.key.toLowerCase();
        if ((event.ctrlKey || event.metaKey) && key === 'z') {
            event.preventDefault();
            this.acts[event.shiftKey ? 'redo' : 'undo']();
        }
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        if (KEYS[key]) this.editor.takeTool(KEYS[key]);
        if (key === '[' || key === ']') this.view.fill('size', this.view.number('size') + (key === ']' ? 1 : -1));
    }
}
