import type { ClientCredential } from './credential.ts';
import type { RedirectStatus } from './decision.ts';
import type { OptionShape, Options } from './options.ts';

/** What a request asks for, in the terms of one protocol; each protocol has its own union of them. */
export interface Resource {
  /** The kind of resource. */
  readonly type: string;
}

/** The part of a request that a protocol reads; the path is relative to the mount and starts with a slash. */
export interface ProtocolRequest {
  /** The method, upper-case. */
  readonly method: string;
  /** The path below the mount, percent-encoded as received. */
  readonly path: string;
  /** The query as received, without its `?`. */
  readonly query?: string | undefined;
}

/** How a rule wants its artifacts delivered. */
export type Mode = 'auto' | 'redirect' | 'proxy';

/** What a protocol may know of an upstream. */
export interface UpstreamInfo {
  /** Scheme, host and port: `https://ghcr.io`. */
  readonly origin: string;
  /** Host and port: `ghcr.io`. */
  readonly host: string;
  /** Whether requests to it carry a credential, so that a redirect to it would lack one. */
  readonly authenticated: boolean;
  /** Whether that credential is the client's own. */
  readonly delegated: boolean;
  /** The kind of host it is, when `to` says so by a short form of the protocol's (`github:acme/cli`). */
  readonly kind?: string | undefined;
}

/**
 * How a resource hangs together with others of its rule, which tells from which of several upstreams it may come.
 *
 * A resource without a tie is a name: the upstreams are asked in order, and whoever is in order answers.
 */
export type Tie =
  | {
      /** It is named by what it contains, and clients check that: any upstream may answer that has it. */
      readonly type: 'content';
    }
  | {
      /** It opens a snapshot (`InRelease`, `repomd.xml`): where it comes from, its members must come from too. */
      readonly type: 'index';
      /** The snapshot's name within the rule. */
      readonly of: string;
    }
  | {
      /** It is of a snapshot, and nobody but the upstream that the client's index came from may answer. */
      readonly type: 'member';
      /** The snapshot's name within the rule. */
      readonly of: string;
    };

/** An address behind a short form of `to`. */
export interface ShortTarget {
  /** The address as it would be written out, with the variables of the short form. */
  readonly url: string;
  /** The kind of host. */
  readonly kind: string;
}

/** What a protocol is told of the rule that a resource matched. */
export interface RuleContext {
  /** The rule's name. */
  readonly rule: string;
  /** How the rule wants its artifacts delivered. */
  readonly mode: Mode;
  /** The method of the request. */
  readonly method: string;
  /** The upstream that was chosen; `undefined` for a rule without `to`. */
  readonly upstream: UpstreamInfo | undefined;
  /** The address of the mount as clients know it, without a slash at its end. */
  readonly publicUrl: string;
  /**
   * Whether clients must show a credential of their own: for the upstream of this rule, or, when the resource is the
   * whole mount, for that of any rule of this protocol on the host.
   */
  readonly delegated: boolean;
  /** Whether the request shows a credential, good or not. */
  readonly authorized: boolean;
  /** Whether the upstreams of the rule are one index together. */
  readonly merged: boolean;
  /** The media types that the client reads, if it says so: its `Accept`. */
  readonly accept?: string | undefined;
  /** The origin of the page whose script asks, if one does: its `Origin`. */
  readonly origin?: string | undefined;
  /** What the client says that it is: its `User-Agent`. */
  readonly userAgent?: string | undefined;
  /** The rule's `options`, as the protocol's `options` describe them. */
  readonly options: Options;
}

/** An answer that is made here. */
export interface Answer {
  /** The status. */
  readonly status: number;
  /** The header fields by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body. */
  readonly body: string;
}

/** An answer that `carry` makes. */
export interface CarriedAnswer extends Answer {
  /** How the body is written: as it is, or in Base64 for bytes that are no text. Default as it is. */
  readonly encoding?: 'base64' | undefined;
}

/** A rule beside the one that a request follows, as a page that lists what is here may show it. */
export interface Neighbour {
  /** The rule's name. */
  readonly rule: string;
  /** The name of its protocol. */
  readonly protocol: string;
  /** The address of its mount as clients know it, without a slash at its end. */
  readonly publicUrl: string;
  /** Its patterns; none for every name. */
  readonly match: readonly string[];
  /** What its users are told. */
  readonly notice: string | undefined;
  /** A shell line that tries it. */
  readonly usage: string;
  /** Its options; not for showing to clients as they are. */
  readonly options: Options;
}

/** Something that a client reports, for whoever counts: plain data. */
export interface ClientReport {
  /** The kind: `telemetry`, `pixel`, `install`. */
  readonly type: string;
  /** What was reported, as JSON data. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** How a resource is delivered; what is missing in the rule's mode, the core completes. */
export type Delivery =
  | {
      /** The client is sent to the upstream. */
      readonly type: 'redirect';
      /** The status that all clients of this ecosystem follow. */
      readonly status: RedirectStatus;
      /** An address that the rule's options name, to which the client is sent in every mode; default the upstream's. */
      readonly to?: string | undefined;
      /** Where it is below the upstream's address, with a slash in front, when the rule's options say so. */
      readonly place?: string | undefined;
      /** Header fields that the answer gets besides, by lower-case name. */
      readonly headers?: Readonly<Record<string, string>> | undefined;
    }
  | {
      /** The gateway fetches. */
      readonly type: 'proxy';
      /** How the answer is handed on, as in `ProxyDecision`. */
      readonly delivery: 'stream' | 'rewrite' | 'relay';
      /** Header fields that the answer gets besides, by lower-case name. */
      readonly headers?: Readonly<Record<string, string>> | undefined;
    }
  | {
      /** The answer is made here of the address that the rule leads to: a document that names it. */
      readonly type: 'refer';
      /** Makes the answer; `target` is the upstream's address of the resource. */
      readonly answer: (target: string) => Answer;
    }
  | {
      /** The answer is made by the protocol's `carry`, since it takes more than to know the request. */
      readonly type: 'carry';
    }
  | {
      /** The answer is made here. */
      readonly type: 'respond';
      /** The answer. */
      readonly answer: Answer;
    };

/** Why a request is refused, before a protocol puts it into its own form. */
export interface Refusal {
  /** The status. */
  readonly status: number;
  /** What is wrong, for the client; one sentence. */
  readonly message: string;
  /** The header fields that go with it, such as `retry-after`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What became of a client's credential at an upstream. */
export interface Admission {
  /**
   * `open`: no upstream was asked, since none wants the client's credential for this resource; `admitted`: the upstream takes it;
   * `refused`: it does not.
   */
  readonly type: 'open' | 'admitted' | 'refused';
  /** For how long the upstream takes it without being asked again, in seconds, if it says so. */
  readonly expiresIn?: number | undefined;
}

/** The credential that a request shows. */
export interface ShownCredential {
  /** How: not at all, as Basic, or in a token that was issued here for this host and is still good. */
  readonly source: 'none' | 'basic' | 'token';
  /** The credential; `undefined` for nobody in particular. */
  readonly credential: ClientCredential | undefined;
}

/** A document of an upstream, as a protocol reads it. */
export interface UpstreamDocument extends Message {
  /** The status. */
  readonly status: number;
}

/** Where something is, as an upstream's document says. */
export interface Lead {
  /** The address; absolute. */
  readonly url: string;
  /** The status of a redirect there. */
  readonly status: RedirectStatus;
  /**
   * How the gateway fetches it in every mode: `stream` where the client follows no redirect, `rewrite` for a document
   * that the protocol changes. Default as the rule's mode and its credential have it.
   */
  readonly delivery?: 'stream' | 'rewrite';
  /** Header fields that the gateway sends there instead of the client's own; a client that is redirected sends its own. */
  readonly asks?: Readonly<Record<string, string>> | undefined;
  /** The number of the upstream whose document says so, in a merged index. Default 0, the first. */
  readonly from?: number | undefined;
  /** Header fields that a redirect or a success gets besides, by lower-case name; they stand for the upstream's own. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** What the gateway lends a protocol to make an answer with. */
export interface Tools {
  /**
   * Fetches a resource from the rule's upstream, with what that needs, redirects followed; the body must be read to its
   * end, or left by `return`. A redirect to an address that `until` takes is not followed: it is the document, and has
   * that address as its `url`. Throws when the upstream gives no usable answer.
   */
  fetch(
    resource: Resource,
    headers?: Readonly<Record<string, string>>,
    until?: (url: string) => boolean,
  ): Promise<UpstreamDocument>;
  /** The address at which the rule's upstream has a resource, for a `Lead`; nothing is asked. */
  locate(resource: Resource): string;
  /**
   * Fetches an address that a document of the upstream has, as `fetch` does a resource; judged like a redirect of the
   * upstream, and without its credential when the origin is another.
   */
  fetchAt(
    url: string,
    headers?: Readonly<Record<string, string>>,
    until?: (url: string) => boolean,
  ): Promise<UpstreamDocument>;
  /**
   * A text that is made once for many requests: kept for so many seconds, for this upstream and key, unless clients
   * show credentials of their own. What `make` throws is not kept.
   */
  keep(key: string, seconds: number, make: () => Promise<string>): Promise<string>;
  /** The rules that clients may use on the host of the request, in the order in which they were written. */
  readonly neighbours: readonly Neighbour[];
  /** A field of the request by its lower-case name; what came several times is one list. */
  field(name: string): string | undefined;
  /** Tells the application what a client reports (`onReport`). */
  report(report: ClientReport): void;
  /** The same tools for each other upstream of a merged index, in their order. */
  readonly others: readonly Tools[];
  /** Gives up what is kept for a key. */
  forget(key: string): void;
  /** Reads the credential that the request shows; `invalid` when it is none that anybody could take. */
  readCredential(): Promise<ShownCredential | 'invalid'>;
  /** Reads the request's body as text; `undefined` when it is longer than this many bytes. */
  readBody(most: number): Promise<string | undefined>;
  /**
   * Asks the upstream that a resource leads to whether it takes a client's credential; for a resource of the whole
   * mount, the one that wants any on this host, and of several none. Throws when the upstream gives no usable answer.
   */
  admit(resource: Resource, credential: ClientCredential | undefined): Promise<Admission>;
  /** Makes a token that stands for a client's credential on this host, for so many seconds. */
  issue(credential: ClientCredential | undefined, lifetime: number): Promise<string>;
}

/** A body in pieces. */
export type ByteStream = AsyncIterable<Uint8Array>;

/** An upstream's answer on its way to the client. */
export interface Message {
  /** The address that it came from in the end, against which its relative links are resolved. */
  readonly url: string;
  /** The header fields by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body, with any content encoding removed. */
  readonly body: ByteStream;
}

/** An upstream's answer without its body. */
export interface Passage {
  /** The address that gave it. */
  readonly url: string;
  /** The header fields by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Renames of the well-known kind: what `match` is written against. */
export type SubjectKind = 'name' | 'path';

/**
 * The codec and manners of one ecosystem.
 *
 * `parse` and `format` are pure, total and inverse on canonical form; nothing in a protocol has effects.
 */
export interface Protocol<R extends Resource = Resource> {
  /** The name: of the file, of the subpath export, of the page, and of `protocol:` in a rule. */
  readonly name: string;
  /** Whether a subject is a name (`acme/app`) or a path, which starts with a slash (`/cli/app.tar.gz`). */
  readonly subjects: SubjectKind;
  /**
   * Whether what this protocol reads can be nothing else (`/v2/…`): then no other protocol of the mount is asked,
   * and a name that no rule has is refused instead of passed on. Default false.
   */
  readonly exclusive?: boolean;
  /** Whether this protocol reads any path, so that it is asked after all others of its mount. Default false. */
  readonly general?: boolean;
  /** Whether clients always ask at the root of a host, so that `at` makes no sense. Default false. */
  readonly rootOnly?: boolean;
  /**
   * The statuses of redirects of GET and HEAD that all its clients follow, where some stop at others: `status` of a rule
   * is one of them, and a redirect of an upstream that is handed on gets the first instead of another. Default all.
   */
  readonly statuses?: readonly RedirectStatus[];
  /** Whether several upstreams can be one index together (`merge`). Default false. */
  readonly merges?: boolean;
  /**
   * Whether a name stands alone, so that no document of the whole mount is read together with it: then a client's share
   * is chosen for each name, else for the mount. Default false.
   */
  readonly independent?: boolean;
  /** Whether a rule may have no `to`. Default false. */
  readonly targetOptional?: boolean;
  /**
   * When the gateway shows a rule's credential: with the first request, or only when the upstream asks for it,
   * as registries with token servers need. With `challenge`, a client's own credential comes in a token that `carry`
   * has issued, or as Basic. Default `first`.
   */
  readonly authentication?: 'first' | 'challenge';
  /**
   * The media type of errors that clients of this ecosystem read: an upstream's error in another one is put into the
   * form of `refuse`. Default any.
   */
  readonly errorType?: string;

  /** What a rule may have under `options`; the core checks it. Default nothing. */
  readonly options?: OptionShape;
  /** The variables that `to` may have besides those of `match`; `values` gives what they stand for. Default none. */
  readonly variables?: readonly string[];

  /** Reads a request; `undefined` when it is none of this protocol. Never throws. */
  parse(request: ProtocolRequest): R | undefined;
  /** Writes the path of a resource, with its query if it has one; starts with a slash. */
  format(resource: R): string;
  /** The name that rules match on; `undefined` when the resource is the whole mount (a ping, a search). */
  subject(resource: R): string | undefined;
  /**
   * The resource under another name, as this upstream has it; without this method `to` is the address of a mount
   * and names stay.
   */
  rename?(resource: R, subject: string, upstream: UpstreamInfo): R;
  /**
   * The same resource as something that stands beside another, whose name its own becomes: asked when no rule of a
   * mount has its name, and again of what it gives.
   */
  aside?(resource: R): R | undefined;
  /** Whether a rule with these options takes a resource that its pattern matches. Default it does. */
  takes?(resource: R, options: Options): boolean;
  /** The patterns of a rule without `match` that its options make; `undefined` for every name. Never throws. */
  patterns?(options: Options): readonly string[] | undefined;
  /** What `variables` stand for in a resource; those that it lacks may stand in optional groups of `to` only. */
  values?(resource: R): Readonly<Record<string, string>>;
  /** How a resource hangs together with others of its rule. Default as a name. */
  tie?(resource: R): Tie | undefined;
  /**
   * Whether a client that has got it asks for more of the same name at once: one that is redirected there and does not
   * has not got it. Default false.
   */
  opens?(resource: R): boolean;
  /** Writes out a short form of `to`; `undefined` when the text is none, a sentence when it is a wrong one. */
  expandTarget?(text: string): ShortTarget | string | undefined;
  /** The origin where an upstream's interface is, when people know it by another (`docker.io`). */
  locate?(origin: string): string;
  /** What somebody should know who leads a rule to an upstream; one sentence, with what to write instead. */
  advise?(upstream: UpstreamInfo): string | undefined;
  /** The hosts to which an upstream sends clients on, as far as they are known; `*.` for any labels in front. */
  leadsTo?(upstream: UpstreamInfo): readonly string[];
  /** How a resource is delivered. */
  deliver(resource: R, context: RuleContext): Delivery;
  /**
   * Makes the answer to what `deliver` wants carried, or says where it is: then the client is redirected there, or the
   * gateway fetches it, as the rule wants. What it throws is answered as the upstream's fault.
   */
  carry?(resource: R, context: RuleContext, tools: Tools): Promise<CarriedAnswer | Lead>;
  /** A refusal in the form that the clients of this ecosystem print. */
  refuse(refusal: Refusal): Answer;
  /** The `WWW-Authenticate` with which clients are asked for a credential of their own; `error` says why once more. */
  challenge?(resource: R, context: RuleContext, error?: 'invalid_token' | 'insufficient_scope'): string;
  /** The header fields that show a rule's notice. Default `Warning` with the code 299, which most clients print. */
  announce?(notice: string): Readonly<Record<string, string>>;
  /**
   * The header fields that clients read of an upstream's answer, as they get them: links, and what a redirect says of
   * the file that it leads to. Asked of each redirect, whether it is followed or handed on, and of the last answer,
   * whose fields win.
   */
  fields?(resource: R, answer: Passage, context: RuleContext): Readonly<Record<string, string>>;
  /** The package URL of an artifact that is known under `publicUrl`; `params` are what the variables of `match` stand for. */
  purl?(resource: R, publicUrl: string, params?: Readonly<Record<string, string>>): string | undefined;
  /** An upstream's document with its links leading through `publicUrl`. */
  rewrite?(resource: R, message: Message, context: RuleContext): Pick<Message, 'headers' | 'body'>;
  /** A shell line that tries a rule: `subject` is its pattern with the variables shown as `<name>`. */
  usage(subject: string, publicUrl: string): string;
}
