import { describe, expect, test } from 'vitest';
import { FlowError } from './error.js';
import { parseEventXml, parseExpectationXml, parseFlowXml } from './parse-xml.js';
import { readElement } from './xml-reader.js';

const place = { file: 'f', line: 3 };

describe('elements', () => {
  test('names, attributes, text, order and where it ends', () => {
    const text = ' <a x="1" y="&lt;&quot;"><b/>p&amp;<c >q</c>r</a > tail';
    const { node, end } = readElement(text, place);
    expect(text.slice(end)).toBe(' tail');
    expect(node).toMatchObject({ name: 'a', text: 'p&r', column: 2 });
    expect([...node.attributes]).toEqual([
      ['x', '1'],
      ['y', '<"'],
    ]);
    expect(node.children.map((c) => [c.name, c.text, c.column])).toEqual([
      ['b', '', 26],
      ['c', 'q', 36],
    ]);
  });
  test('an entity of an entity is read once', () => {
    expect(readElement('<a>&amp;lt;</a>', place).node.text).toBe('&lt;');
  });
  test.each([
    ['', 'f:3:1: expected <flow>'],
    ['x', 'f:3:1: expected <flow>'],
    ['x<a/>', 'f:3:1: expected <flow>'],
    ['<a', 'f:3:1: broken tag'],
    ['<a>', 'f:3:4: <a> has no end'],
    ['<a><b></a>', 'f:3:7: </a> ends <b>'],
    ['</a>', 'f:3:1: </a> ends nothing'],
    ['<1/>', 'f:3:1: broken tag'],
    ['<a x=1/>', 'f:3:1: broken tag'],
    ['<a x="1/>', 'f:3:1: broken tag'],
    ['<>', 'f:3:1: broken tag'],
    ['<a>'.repeat(17), 'f:3:46: elements too deep'],
  ])('"%s": %s', (text, message) => {
    expect.assertions(2);
    try {
      readElement(text, place);
    } catch (e) {
      expect(e).toBeInstanceOf(FlowError);
      expect((e as FlowError).message).toBe(message);
    }
  });
});

const tuple = (s: string, d: string, l4 = '<sport>1</sport><dport>2</dport>'): string =>
  `<layer3 protonum="2" protoname="ipv4"><src>${s}</src><dst>${d}</dst></layer3><layer4 protonum="17" protoname="udp">${l4}</layer4>`;
const flow = (inside: string, attribute = ''): string =>
  `<flow${attribute}><meta direction="original">${tuple('10.0.0.1', '10.0.0.2')}</meta><meta direction="reply">${tuple('10.0.0.2', '10.0.0.1')}</meta>${inside}</flow>`;

describe('what is wrong is said', () => {
  test.each<[string, () => unknown, string]>([
    ['not a flow', () => parseFlowXml('<a/>', place), 'f:3:1: expected <flow>, got <a>'],
    ['text after it', () => parseFlowXml(`${flow('')} x`, place), 'text after </flow>'],
    ['no original', () => parseFlowXml('<flow></flow>', place), '<meta direction="original"> is missing'],
    [
      'another family',
      () => parseFlowXml(flow('').replace('10.0.0.1', 'fd00::1'), place),
      '"fd00::1" is of another family',
    ],
    ['no family', () => parseFlowXml(flow('').replace('"2"', '"3"'), place), 'expected protonum="2" or "10"'],
    ['no address', () => parseFlowXml(flow('').replace('10.0.0.1', '10.0.0'), place), '"10.0.0" is not an address'],
    [
      'a port',
      () => parseFlowXml(flow('').replace('<sport>1<', '<sport>65536<'), place),
      'expected sport as a number from 0 to 65535',
    ],
    [
      'a type',
      () => parseEventXml(flow('', ' type="old"'), place),
      'expected type="new", "update" or "destroy", got "old"',
    ],
    ['no type', () => parseEventXml(flow(''), place), 'expected type="new", "update" or "destroy"'],
    [
      'half a time',
      () => parseEventXml(flow('<when><year>2026</year></when>', ' type="new"'), place),
      '<month> is missing in <when>',
    ],
    [
      'a year before all times',
      () => parseEventXml(flow('<when><year>1969</year></when>', ' type="new"'), place),
      'expected a year from 1970 to 2105, got 1969',
    ],
    ['a tail', () => parseEventXml(`${flow('', ' type="new"')} x`, place), 'expected [USERSPACE], got "x"'],
    [
      'a port without [USERSPACE]',
      () => parseEventXml(`${flow('', ' type="new"')} portid=1`, place),
      'portid= without [USERSPACE]',
    ],
    ['a flow for an expectation', () => parseExpectationXml(flow(''), place), '<layer3> is missing in <flow>'],
  ])('%s', (_, run, message) => {
    expect(run).toThrow(FlowError);
    expect(run).toThrow(message);
  });
});
