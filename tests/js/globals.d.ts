// Globals of the served scripts and of the extension, for `tsc --checkJs`. Nothing of this is shipped.
declare const uPlot: any;
declare const Idiomorph: { morph(old: Element, fresh: Node[], options: object): void };
declare var browser: any;
declare var chrome: any;
