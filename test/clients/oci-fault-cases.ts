import { expect } from 'vitest';

import type { Fault } from './upstreams/faulty-registry.ts';

const html = { 'content-type': 'text/html' };
const page = '<html><body><h1>Something is wrong</h1></body></html>';
/** What is no answer of a token server. */
export const htmlPage: Fault = { status: 200, headers: html, body: page };

const json = { 'content-type': 'application/json' };
const ociError = (code: string): string => JSON.stringify({ errors: [{ code, message: 'not now' }] });

/** What a registry answers, and what its client should get. */
export interface Case {
  readonly title: string;
  readonly fault: Fault;
  readonly expected: Expected;
}

/** What a client should get. */
export interface Expected {
  readonly status: unknown;
  /** The field; any number of seconds when it is `true`. */
  readonly retryAfter?: string | true;
}

/** Of a registry. */
export const faults: readonly Case[] = [
  {
    title: '429',
    fault: { status: 429, headers: json, body: ociError('TOOMANYREQUESTS') },
    expected: { status: 429, retryAfter: true },
  },
  {
    title: '429 with Retry-After',
    fault: { status: 429, headers: { ...json, 'retry-after': '7' }, body: ociError('TOOMANYREQUESTS') },
    expected: { status: 429, retryAfter: '7' },
  },
  {
    title: '429 in HTML',
    fault: { status: 429, headers: html, body: page },
    expected: { status: 429, retryAfter: true },
  },
  {
    title: '429 without a body',
    fault: { status: 429 },
    expected: { status: 429, retryAfter: true },
  },
  {
    title: '500',
    fault: { status: 500, headers: json, body: ociError('UNKNOWN') },
    expected: { status: 502, retryAfter: true },
  },
  {
    title: '500 in HTML',
    fault: { status: 500, headers: html, body: page },
    expected: { status: 502, retryAfter: true },
  },
  {
    title: '502 in HTML',
    fault: { status: 502, headers: html, body: page },
    expected: { status: 502, retryAfter: true },
  },
  {
    title: '503',
    fault: { status: 503, headers: json, body: ociError('UNAVAILABLE') },
    expected: { status: 503, retryAfter: true },
  },
  {
    title: '503 with Retry-After in HTML',
    fault: { status: 503, headers: { ...html, 'retry-after': '9' }, body: page },
    expected: { status: 503, retryAfter: '9' },
  },
  {
    title: '504 in HTML',
    fault: { status: 504, headers: html, body: page },
    expected: { status: 504, retryAfter: true },
  },
  {
    title: '403 in HTML',
    fault: { status: 403, headers: html, body: page },
    expected: { status: 403 },
  },
  {
    title: '404 in HTML',
    fault: { status: 404, headers: html, body: page },
    expected: { status: 404 },
  },
  {
    title: '400 in words',
    fault: { status: 400, headers: { 'content-type': 'text/plain' }, body: 'no' },
    expected: { status: 400 },
  },
  { title: 'nothing', fault: {}, expected: { status: 502, retryAfter: true } },
];

/** Of a token server; without a fault, it is not there. */
export const tokenFaults: readonly (Omit<Case, 'fault'> & { readonly fault: Fault | undefined })[] = [
  { title: 'is not there', fault: undefined, expected: { status: 502, retryAfter: true } },
  { title: 'hangs up', fault: {}, expected: { status: 502, retryAfter: true } },
  {
    title: 'answers HTML',
    fault: htmlPage,
    expected: { status: 502, retryAfter: true },
  },
  {
    title: 'answers 500 in HTML',
    fault: { status: 500, headers: html, body: page },
    expected: { status: 502, retryAfter: true },
  },
  {
    title: 'answers 503',
    fault: { status: 503, headers: html, body: page },
    expected: { status: expect.toBeOneOf([502, 503]), retryAfter: true },
  },
  {
    title: 'answers 429',
    fault: { status: 429, headers: html, body: page },
    expected: { status: 429, retryAfter: true },
  },
  {
    title: 'refuses',
    fault: { status: 403, headers: json, body: ociError('DENIED') },
    expected: { status: expect.toBeOneOf([401, 403]) },
  },
];

const atOnce = { 'retry-after': '0' };
/** Of a registry, with what clients should print. */
export const printedFaults: readonly (Omit<Case, 'expected'> & { readonly says: RegExp })[] = [
  {
    title: 'the registry answers 429',
    fault: { status: 429, headers: { ...json, ...atOnce }, body: ociError('TOOMANYREQUESTS') },
    says: /too ?many ?requests/i,
  },
  {
    title: 'the registry answers 429 in HTML',
    fault: { status: 429, headers: { ...html, ...atOnce }, body: page },
    says: /too ?many ?requests/i,
  },
  {
    title: 'the registry answers 503 in HTML',
    fault: { status: 503, headers: { ...html, ...atOnce }, body: page },
    says: /503|out of service/,
  },
  {
    title: 'the registry answers 403 in HTML',
    fault: { status: 403, headers: html, body: page },
    says: /denied|forbidden|unauthorized/i,
  },
  {
    title: 'the registry answers 404 in HTML',
    fault: { status: 404, headers: html, body: page },
    says: /unknown|not found/i,
  },
  { title: 'the registry hangs up', fault: {}, says: /502|no usable answer/ },
];
