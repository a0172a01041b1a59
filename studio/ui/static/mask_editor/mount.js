// Brings the piece's HTML to life. `piece` is what Gradio gives its script: element, props, trigger, watch, upload.
import { Controls } from './controls.js';
import { MaskEditor } from './editor.js';

export const mount = (piece) => {
    const editor = new MaskEditor(piece);
    new Controls(editor, piece.element);
    piece.watch('value', () => editor.hear(piece.props.value));
    editor.begin(piece.props.value);
    return editor;
};
