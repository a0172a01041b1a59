// From the screen to the picture and back. A place is [x, y] in parts of the picture, 0 to 1, whatever the zoom.

const LEAST_ZOOM = 1, MOST_ZOOM = 8;
const within = (value, least, most) => Math.min(Math.max(value, least), most);

/** Where a point of the screen lies in what `frame` (left, top, width, height on the screen) shows. */
export const placeIn = (frame, clientX, clientY) => [
    (clientX - frame.left) / frame.width,
    (clientY - frame.top) / frame.height,
];

/** A place in pixels of the picture, inside of it. */
export const pixelAt = ([x, y], { width, height }) => [
    within(x * width, 0, width - 0.01),
    within(y * height, 0, height - 0.01),
];

/** The box between two places, in pixels of the picture: left, top, right, bottom. */
export const boxBetween = (one, other, picture) => {
    const [[x0, y0], [x1, y1]] = [pixelAt(one, picture), pixelAt(other, picture)];
    return [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
};

export const rounded = (value) => Math.round(10 * value) / 10;
export const zoomWithin = (zoom) => within(zoom, LEAST_ZOOM, MOST_ZOOM);

/** How far to scroll after a change of zoom so that the middle of what is seen stays in the middle. */
export const scrollAbout = (scroll, seen, was, zoom) => ((scroll + seen / 2) * zoom) / was - seen / 2;

/** How far two fingers are apart, and the middle between them. */
export const spread = ([one, other]) => ({
    span: Math.hypot(one.x - other.x, one.y - other.y),
    x: (one.x + other.x) / 2,
    y: (one.y + other.y) / 2,
});

const percent = (value, of) => `${((100 * value) / of).toFixed(3)}%`;

/** A box of the picture as CSS, for what lies over it. */
export const boxStyle = ([left, top, right, bottom], { width, height }) =>
    `left:${percent(left, width)};top:${percent(top, height)};` +
    `width:${percent(right - left, width)};height:${percent(bottom - top, height)}`;

export const pointStyle = (x, y, { width, height }) => `left:${percent(x, width)};top:${percent(y, height)}`;
