// The soft cross-entropy of a student beside a teacher, and its gradient, for one position.

export function softmax(z, tau = 1) {
  const peak = Math.max(...z);
  const e = z.map((value) => Math.exp((value - peak) / tau));
  const total = e.reduce((sum, value) => sum + value, 0);
  return e.map((value) => value / total);
}

export const entropyBits = (q) => -q.reduce((sum, value) => sum + (value ? value * Math.log2(value) : 0), 0);

// Loss in nats, and dL/dz, as SoftCrossEntropy of the package.
export function softLoss(z, teacher, target, weight, tau) {
  const hard = softmax(z);
  const [p, q] = [softmax(z, tau), softmax(teacher, tau)];
  const soft = -q.reduce((sum, value, v) => sum + value * Math.log(p[v]), 0);
  return {
    p,
    q,
    loss: -(1 - weight) * Math.log(hard[target]) + weight * tau ** 2 * soft,
    gradient: hard.map(
      (value, v) => (1 - weight) * (value - (v === target ? 1 : 0)) + weight * tau * (p[v] - q[v]),
    ),
  };
}
