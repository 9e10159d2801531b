/**
 * Scalar functions in WGSL, where the language has none or leaves too much to the driver. Infinities
 * and NaN are made and recognised by their bits: compilers may assume that there are none.
 */

const FUNCTIONS: Readonly<Record<string, string>> = {
  // A literal must not be infinite; a value from a variable may.
  floatOf: `fn floatOf(bits: u32) -> f32 { var copy = bits; return bitcast<f32>(copy); }`,
  isNotANumber: `fn isNotANumber(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }`,
  isInfinite: `fn isInfinite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u; }`,
  isNegative: `fn isNegative(x: f32) -> bool { return (bitcast<u32>(x) >> 31u) == 1u; }`,
  notANumber: `fn notANumber() -> f32 { return floatOf(0x7fc00000u); }`,
  larger: `fn larger(a: f32, b: f32) -> f32 {
  if (isNotANumber(a)) { return a; }
  if (isNotANumber(b)) { return b; }
  return select(b, a, a > b);
}`,
  smaller: `fn smaller(a: f32, b: f32) -> f32 {
  if (isNotANumber(a)) { return a; }
  if (isNotANumber(b)) { return b; }
  return select(b, a, a < b);
}`,
  signOf: `fn signOf(x: f32) -> f32 {
  if (isNotANumber(x)) { return x; }
  return select(select(0.0, -1.0, x < 0.0), 1.0, x > 0.0);
}`,
  logarithm: `fn logarithm(x: f32) -> f32 {
  let size = bitcast<u32>(x) & 0x7fffffffu;
  if (size == 0u) { return floatOf(0xff800000u); }
  if (isNegative(x) || size > 0x7f800000u) { return notANumber(); }
  if (size == 0x7f800000u) { return x; }
  return log(x);
}`,
  squareRoot: `fn squareRoot(x: f32) -> f32 { if (x < 0.0) { return notANumber(); } return sqrt(x); }`,
  // exp(x) - 1 by its series near 0, where the difference would have no digits.
  expMinusOne: `fn expMinusOne(x: f32) -> f32 {
  if (abs(x) > 0.35) { return exp(x) - 1.0; }
  return x * (1.0 + x * (0.5 + x * (0.16666667 + x * (0.041666668 + x * (0.008333334 + x * (0.0013888889 + x * 0.0001984127))))));
}`,
  // log(1 + x) for 0 <= x <= 1.
  logOnePlus: `fn logOnePlus(x: f32) -> f32 {
  if (x > 0.03) { return log(1.0 + x); }
  return x * (1.0 - x * (0.5 - x * (0.33333334 - x * (0.25 - x * 0.2))));
}`,
  softplus: `fn softplus(x: f32) -> f32 {
  if (isNotANumber(x)) { return x; }
  return max(x, 0.0) + logOnePlus(exp(-abs(x)));
}`,
  sigmoid: `fn sigmoid(x: f32) -> f32 {
  if (isNotANumber(x)) { return x; }
  let e = exp(-abs(x));
  return select(1.0, e, x < 0.0) / (1.0 + e);
}`,
  hyperbolicTangent: `fn hyperbolicTangent(x: f32) -> f32 {
  if (isNotANumber(x)) { return x; }
  let m = min(abs(x), 20.0);
  if (m < 0.625) {
    let s = x * x;
    return x + x * s * ((((-0.00570498872745 * s + 0.0206390887954) * s - 0.0537397155531) * s + 0.133314422036) * s - 0.333332819422);
  }
  let t = 1.0 - 2.0 / (exp(2.0 * m) + 1.0);
  return select(t, -t, x < 0.0);
}`,
  hyperbolicSine: `fn hyperbolicSine(x: f32) -> f32 {
  let m = abs(x);
  if (m < 0.5) { let s = x * x; return x * (1.0 + s * (0.16666667 + s * (0.008333334 + s * 0.0001984127))); }
  // Half the exponential first: it overflows where the result does.
  let h = exp(m - 0.6931472);
  let r = h - 0.25 / h;
  return select(r, -r, x < 0.0);
}`,
  hyperbolicCosine: `fn hyperbolicCosine(x: f32) -> f32 { let h = exp(abs(x) - 0.6931472); return h + 0.25 / h; }`,
  inverseHyperbolicSine: `fn inverseHyperbolicSine(x: f32) -> f32 {
  let m = abs(x);
  if (m < 0.2) { let s = x * x; return x * (1.0 - s * (0.16666667 - s * (0.075 - s * (0.044642857 - s * 0.030381945)))); }
  var r = log(m) + 0.6931472;
  if (m < 1e4) { r = log(m + sqrt(m * m + 1.0)); }
  return select(r, -r, x < 0.0);
}`,
  inverseHyperbolicCosine: `fn inverseHyperbolicCosine(x: f32) -> f32 {
  if (x < 1.0) { return notANumber(); }
  if (x > 1e4) { return log(x) + 0.6931472; }
  let t = x - 1.0;
  let u = t + sqrt(2.0 * t + t * t);
  return select(log(1.0 + u), logOnePlus(u), u <= 0.03);
}`,
  inverseHyperbolicTangent: `fn inverseHyperbolicTangent(x: f32) -> f32 {
  let m = abs(x);
  if (m > 1.0) { return notANumber(); }
  if (m < 0.2) { let s = x * x; return x * (1.0 + s * (0.33333334 + s * (0.2 + s * (0.14285715 + s * 0.11111111)))); }
  if (m == 1.0) { return floatOf(select(0x7f800000u, 0xff800000u, x < 0.0)); }
  return 0.5 * log((1.0 + x) / (1.0 - x));
}`,
  // S. L. Moshier's polynomials (Cephes), on [-pi/4, pi/4]; the reduction is that of Cody and Waite.
  sineOfQuadrant: `fn sineOfQuadrant(x: f32, quadrants: i32) -> f32 {
  if (isNotANumber(x) || isInfinite(x)) { return notANumber(); }
  let k = round(x * 0.63661975);
  let r = fma(k, -7.549789948768648e-8, fma(k, -4.837512969970703e-4, fma(k, -1.5703125, x)));
  let s = r * r;
  let q = i32(k - 4.0 * floor(k * 0.25)) + quadrants;
  let sine = r + r * s * ((-1.9515295891e-4 * s + 8.3321608736e-3) * s - 0.16666654611);
  let cosine = 1.0 - 0.5 * s + s * s * ((2.443315711809948e-5 * s - 1.388731625493765e-3) * s + 4.166664568298827e-2);
  let value = select(sine, cosine, (q & 1) == 1);
  return select(value, -value, (q & 2) == 2);
}`,
  sine: `fn sine(x: f32) -> f32 { return sineOfQuadrant(x, 0); }`,
  cosine: `fn cosine(x: f32) -> f32 { return sineOfQuadrant(x, 1); }`,
  tangent: `fn tangent(x: f32) -> f32 { return sineOfQuadrant(x, 0) / sineOfQuadrant(x, 1); }`,
  inverseTangent: `fn inverseTangent(x: f32) -> f32 {
  if (isNotANumber(x)) { return x; }
  let m = abs(x);
  var t = m;
  var base = 0.0;
  if (m > 2.4142137) { base = 1.5707964; t = -1.0 / m; }
  else if (m > 0.41421357) { base = 0.7853982; t = (m - 1.0) / (m + 1.0); }
  let s = t * t;
  let r = base + t + t * s * (((8.05374449538e-2 * s - 1.38776856032e-1) * s + 1.99777106478e-1) * s - 3.33329491539e-1);
  return select(r, -r, x < 0.0);
}`,
  inverseSine: `fn inverseSine(x: f32) -> f32 {
  let m = abs(x);
  if (m > 1.0 || isNotANumber(x)) { return notANumber(); }
  let far = m > 0.5;
  let s = select(m * m, 0.5 * (1.0 - m), far);
  let t = select(m, sqrt(s), far);
  let p = t + t * s * ((((4.2163199048e-2 * s + 2.4181311049e-2) * s + 4.5470025998e-2) * s + 7.4953002686e-2) * s + 1.6666752422e-1);
  let r = select(p, 1.5707964 - 2.0 * p, far);
  return select(r, -r, x < 0.0);
}`,
  inverseCosine: `fn inverseCosine(x: f32) -> f32 {
  if (x > 0.5) { return 2.0 * inverseSine(sqrt(max(0.5 * (1.0 - x), select(0.0, 4.0, x > 1.0)))); }
  return 1.5707964 - inverseSine(x);
}`,
  // W. J. Cody's rational approximation near 0; W. H. Press et al.'s Chebyshev fit of the tail beyond.
  errorFunction: `fn errorFunction(x: f32) -> f32 {
  let s = x * x;
  if (s < 0.22) {
    let above = (((0.18577770618 * s + 3.16112374387) * s + 113.864154151) * s + 377.485237685) * s + 3209.37758914;
    let below = (((s + 23.6012909523) * s + 244.024637934) * s + 1282.61652608) * s + 2844.23683344;
    return x * above / below;
  }
  if (isNotANumber(x)) { return x; }
  let tail = 1.0 - errorTail(abs(x));
  return select(tail, -tail, x < 0.0);
}`,
  errorTail: `fn errorTail(m: f32) -> f32 {
  let t = 1.0 / (1.0 + 0.5 * m);
  let p = -1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807 +
    t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
  // The square split in two, so that its rounding error does not reach the exponent.
  let head = trunc(min(m, 20.0) * 16.0) * 0.0625;
  return t * exp(-head * head) * exp(p - (m - head) * (m + head));
}`,
  complementaryErrorFunction: `fn complementaryErrorFunction(x: f32) -> f32 {
  if (isNotANumber(x)) { return x; }
  if (abs(x) < 0.46) { return 1.0 - errorFunction(x); }
  let tail = errorTail(abs(x));
  return select(tail, 2.0 - tail, x < 0.0);
}`,
  normalGelu: `fn normalGelu(x: f32) -> f32 { return 0.5 * x * complementaryErrorFunction(-0.70710677 * x); }`,
  tanhGelu: `fn tanhGelu(x: f32) -> f32 {
  return 0.5 * x * (1.0 + hyperbolicTangent(0.7978846 * (x + 0.044715 * x * x * x)));
}`,
  normalGeluSlope: `fn normalGeluSlope(x: f32) -> f32 {
  return 0.5 * complementaryErrorFunction(-0.70710677 * x) + x * exp(-0.5 * x * x) * 0.3989423;
}`,
  tanhGeluSlope: `fn tanhGeluSlope(x: f32) -> f32 {
  let t = hyperbolicTangent(0.7978846 * (x + 0.044715 * x * x * x));
  return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * 0.7978846 * (1.0 + 0.134145 * x * x);
}`,
  power: `fn power(a: f32, b: f32) -> f32 {
  if (b == 0.0 || a == 1.0) { return 1.0; }
  if (isNotANumber(a) || isNotANumber(b)) { return notANumber(); }
  let m = abs(a);
  let n = abs(b);
  let whole = n >= 16777216.0 || trunc(b) == b;
  let odd = n < 16777216.0 && whole && (i32(min(n, 16777215.0)) & 1) == 1;
  var r = 1.0;
  if (isInfinite(b)) {
    if (m != 1.0) { r = floatOf(select(0u, 0x7f800000u, (m > 1.0) == (b > 0.0))); }
    return r;
  }
  if (m == 0.0 || isInfinite(a)) { r = floatOf(select(0u, 0x7f800000u, (m != 0.0) == (b > 0.0))); }
  else if (whole && n <= 64.0) {
    var square = m;
    for (var rest = i32(n); rest > 0; rest = rest >> 1u) {
      if ((rest & 1) == 1) { r = r * square; }
      square = square * square;
    }
    if (b < 0.0) { r = 1.0 / r; }
  } else { r = exp2(b * log2(m)); }
  if (isNegative(a)) {
    if (!whole && m != 0.0 && !isInfinite(a)) { return notANumber(); }
    if (odd) { return -r; }
  }
  return r;
}`,
  // Exact: long division of the mantissas.
  floatRemainder: `fn floatRemainder(a: f32, b: f32) -> f32 {
  let sign = bitcast<u32>(a) & 0x80000000u;
  let x = bitcast<u32>(a) & 0x7fffffffu;
  let y = bitcast<u32>(b) & 0x7fffffffu;
  if (y == 0u || x >= 0x7f800000u || y > 0x7f800000u) { return notANumber(); }
  if (x < y) { return a; }
  var ex = x >> 23u;
  var ey = y >> 23u;
  var mx = select((x & 0x7fffffu) | 0x800000u, x & 0x7fffffu, ex == 0u);
  let my = select((y & 0x7fffffu) | 0x800000u, y & 0x7fffffu, ey == 0u);
  ex = max(ex, 1u);
  ey = max(ey, 1u);
  for (var places = ex - ey; places > 0u; places = places - 1u) {
    if (mx >= my) { mx = mx - my; }
    mx = mx << 1u;
  }
  if (mx >= my) { mx = mx - my; }
  if (mx == 0u) { return floatOf(sign); }
  let shift = min(countLeadingZeros(mx) - 8u, ey - 1u);
  mx = mx << shift;
  ey = select(ey - shift, 0u, (mx & 0x800000u) == 0u);
  return floatOf(sign | (ey << 23u) | (mx & 0x7fffffu));
}`,
  floorModulo: `fn floorModulo(a: f32, b: f32) -> f32 {
  let rest = floatRemainder(a, b);
  return select(rest, rest + b, rest != 0.0 && (rest < 0.0) != (b < 0.0));
}`,
  // a / b to the nearest float32: the residual of the quotient, exactly, corrects it.
  nearestQuotient: `fn nearestQuotient(a: f32, b: f32) -> f32 {
  let q = a / b;
  let size = bitcast<u32>(q) & 0x7fffffffu;
  if (size >= 0x7e000000u || size < 0x10000000u || abs(b) > 1e18 || abs(b) < 1e-18) { return q; }
  let qh = bitcast<f32>(bitcast<u32>(q) & 0xfffff000u);
  let bh = bitcast<f32>(bitcast<u32>(b) & 0xfffff000u);
  let ql = q - qh;
  let bl = b - bh;
  let residual = (((a - qh * bh) - qh * bl) - ql * bh) - ql * bl;
  return q + residual / b;
}`,
  intPower: `fn intPower(base: u32, exponent: u32) -> u32 {
  var product = 1u;
  var square = base;
  for (var rest = exponent; rest > 0u; rest = rest >> 1u) {
    if ((rest & 1u) == 1u) { product = product * square; }
    square = square * square;
  }
  return product;
}`,
  signedPower: `fn signedPower(base: i32, exponent: i32) -> i32 {
  if (exponent >= 0) { return bitcast<i32>(intPower(bitcast<u32>(base), u32(exponent))); }
  if (base == 1) { return 1; }
  if (base == -1) { return select(1, -1, (exponent & 1) == 1); }
  return 0;
}`,
  signedFloorModulo: `fn signedFloorModulo(a: i32, b: i32) -> i32 {
  let rest = a % b;
  return select(rest, rest + b, rest != 0 && (rest < 0) != (b < 0));
}`,
  // Conversions to integers, out of range as x86-64 gives them.
  floatToInt: `fn floatToInt(x: f32) -> i32 {
  if ((bitcast<u32>(x) & 0x7fffffffu) >= 0x4f000000u) { return bitcast<i32>(0x80000000u); }
  return i32(x);
}`,
  floatToUint: `fn floatToUint(x: f32) -> u32 {
  if ((bitcast<u32>(x) & 0x7fffffffu) >= 0x5f000000u) { return 0u; }
  return floatToLong(x).x;
}`,
  // Low and high word of a truncated float; -2^63 where it does not fit.
  floatToLong: `fn floatToLong(x: f32) -> vec2<u32> {
  let bits = bitcast<u32>(x);
  if ((bits & 0x7fffffffu) >= 0x5f000000u) { return vec2<u32>(0u, 0x80000000u); }
  return magnitudeToLong(bits);
}`,
  magnitudeToLong: `fn magnitudeToLong(bits: u32) -> vec2<u32> {
  let exponent = i32((bits >> 23u) & 0xffu) - 150;
  let mantissa = (bits & 0x7fffffu) | 0x800000u;
  var r = vec2<u32>(0u, 0u);
  if (exponent >= 32) { r.y = mantissa << u32(min(exponent - 32, 31)); }
  else if (exponent > 0) { r = vec2<u32>(mantissa << u32(exponent), (mantissa >> 1u) >> u32(31 - exponent)); }
  else if (exponent > -24) { r.x = mantissa >> u32(-exponent); }
  return select(r, negateLong(r), (bits >> 31u) == 1u);
}`,
  floatToUlong: `fn floatToUlong(x: f32) -> vec2<u32> {
  let bits = bitcast<u32>(x);
  let limit = select(0x5f800000u, 0x5f000001u, (bits >> 31u) == 1u);
  if ((bits & 0x7fffffffu) >= limit) { return vec2<u32>(0u, 0x80000000u); }
  return magnitudeToLong(bits);
}`,
  // 64-bit integers as two words, low first.
  addLong: `fn addLong(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let low = a.x + b.x;
  return vec2<u32>(low, a.y + b.y + select(0u, 1u, low < a.x));
}`,
  negateLong: `fn negateLong(a: vec2<u32>) -> vec2<u32> { return addLong(~a, vec2<u32>(1u, 0u)); }`,
  subLong: `fn subLong(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  return vec2<u32>(a.x - b.x, a.y - b.y - select(0u, 1u, a.x < b.x));
}`,
  mulLong: `fn mulLong(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let al = a.x & 0xffffu;
  let ah = a.x >> 16u;
  let bl = b.x & 0xffffu;
  let bh = b.x >> 16u;
  let middle = ah * bl + ((al * bl) >> 16u);
  let cross = al * bh + (middle & 0xffffu);
  let high = ah * bh + (middle >> 16u) + (cross >> 16u);
  return vec2<u32>(a.x * b.x, high + a.x * b.y + a.y * b.x);
}`,
  lessLong: `fn lessLong(a: vec2<u32>, b: vec2<u32>) -> bool {
  return select(a.x < b.x, bitcast<i32>(a.y) < bitcast<i32>(b.y), a.y != b.y);
}`,
  lessUlong: `fn lessUlong(a: vec2<u32>, b: vec2<u32>) -> bool { return select(a.x < b.x, a.y < b.y, a.y != b.y); }`,
  absLong: `fn absLong(a: vec2<u32>) -> vec2<u32> { return select(a, negateLong(a), (a.y >> 31u) == 1u); }`,
  // Quotient of magnitudes, bit by bit.
  quotientUlong: `fn quotientUlong(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  if (a.y == 0u && b.y == 0u) { return vec2<u32>(a.x / b.x, 0u); }
  var rest = vec2<u32>(0u, 0u);
  var quotient = vec2<u32>(0u, 0u);
  for (var i = 63; i >= 0; i = i - 1) {
    let word = select(a.x, a.y, i >= 32);
    let carry = rest.y >> 31u;
    rest = vec2<u32>((rest.x << 1u) | ((word >> u32(i & 31)) & 1u), (rest.y << 1u) | (rest.x >> 31u));
    if (carry == 1u || !lessUlong(rest, b)) {
      rest = subLong(rest, b);
      if (i >= 32) { quotient.y = quotient.y | (1u << u32(i - 32)); } else { quotient.x = quotient.x | (1u << u32(i)); }
    }
  }
  return quotient;
}`,
  quotientLong: `fn quotientLong(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let q = quotientUlong(absLong(a), absLong(b));
  return select(q, negateLong(q), ((a.y ^ b.y) >> 31u) == 1u);
}`,
  remainderLong: `fn remainderLong(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return subLong(a, mulLong(quotientLong(a, b), b)); }`,
  remainderUlong: `fn remainderUlong(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return subLong(a, mulLong(quotientUlong(a, b), b)); }`,
  floorModuloLong: `fn floorModuloLong(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let rest = remainderLong(a, b);
  let wrong = any(rest != vec2<u32>(0u, 0u)) && ((rest.y ^ b.y) >> 31u) == 1u;
  return select(rest, addLong(rest, b), wrong);
}`,
  // A 64-bit magnitude as float32, its last bit sticky where 'odd': it then rounds on to narrower types rightly.
  ulongToFloat: `fn ulongToFloat(a: vec2<u32>, odd: bool) -> f32 {
  if (a.x == 0u && a.y == 0u) { return 0.0; }
  let zeros = select(countLeadingZeros(a.y), 32u + countLeadingZeros(a.x), a.y == 0u);
  var high = a.y;
  var low = a.x;
  if (zeros >= 32u) { high = low << (zeros - 32u); low = 0u; }
  else if (zeros > 0u) { high = (high << zeros) | (low >> (32u - zeros)); low = low << zeros; }
  var kept = high >> 8u;
  let rest = high & 0xffu;
  let sticky = low != 0u;
  if (odd) { kept = kept | select(0u, 1u, rest != 0u || sticky); }
  else if (rest > 0x80u || (rest == 0x80u && (sticky || (kept & 1u) == 1u))) { kept = kept + 1u; }
  // A kept of 2^24 carries into the exponent by itself.
  return bitcast<f32>(((189u - zeros) << 23u) + kept);
}`,
  longToFloat: `fn longToFloat(a: vec2<u32>, odd: bool) -> f32 {
  let value = ulongToFloat(absLong(a), odd);
  return select(value, -value, (a.y >> 31u) == 1u);
}`,
};

const NAMES = new RegExp(`\\b(${Object.keys(FUNCTIONS).join("|")})\\(`, "g");

/** `code` with the functions in front that it calls. */
export function withMath(code: string): string {
  const needed = new Set<string>();
  const collect = (text: string): void => {
    for (const [, name] of text.matchAll(NAMES)) {
      if (needed.has(name!)) continue;
      needed.add(name!);
      collect(FUNCTIONS[name!]!);
    }
  };
  collect(code);
  return `${Object.entries(FUNCTIONS)
    .filter(([name]) => needed.has(name))
    .map(([, text]) => `${text}\n`)
    .join("")}${code}`;
}
