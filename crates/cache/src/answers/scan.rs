//! SIMD dot products of one vector with many. `simsimd`, which takes pairs, needs twice the time.

use pulp::{Arch, Simd, WithSimd};

/// Dot products of `query` with each of the contiguous `vectors`, which have its length.
pub(super) fn dot_products(query: &[f32], vectors: &[f32], products: &mut [f32]) {
    if query.is_empty() {
        return;
    }
    Arch::new().dispatch(DotProducts {
        query,
        vectors,
        products,
    });
}

struct DotProducts<'a> {
    query: &'a [f32],
    vectors: &'a [f32],
    products: &'a mut [f32],
}

/// Vectors processed together: each part of the query is loaded once for all.
const ROWS: usize = 4;
/// Independent sums per vector, to hide addition latency.
const LANES: usize = 2;

impl WithSimd for DotProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let query = Row::<S>::new(self.query);
        let length = self.query.len();
        let (whole, rest) = self.products.as_chunks_mut::<ROWS>();
        let (vectors, last_vectors) = self.vectors.split_at(whole.len() * ROWS * length);
        for (vectors, products) in vectors.chunks_exact(ROWS * length).zip(whole) {
            let rows = std::array::from_fn(|row| Row::new(&vectors[row * length..][..length]));
            *products = dot(simd, &query, &rows);
        }
        for (vector, product) in last_vectors.chunks_exact(length).zip(rest) {
            [*product] = dot(simd, &query, &[Row::new(vector)]);
        }
    }
}

/// A vector as pairs of SIMD registers, a last register and a scalar remainder.
struct Row<'a, S: Simd> {
    pairs: &'a [[S::f32s; LANES]],
    last: &'a [S::f32s],
    rest: &'a [f32],
}

impl<'a, S: Simd> Row<'a, S> {
    #[inline(always)]
    fn new(numbers: &'a [f32]) -> Self {
        let (registers, rest) = S::as_simd_f32s(numbers);
        let (pairs, last) = registers.as_chunks();
        Self { pairs, last, rest }
    }
}

#[inline(always)]
fn dot<S: Simd, const N: usize>(simd: S, query: &Row<'_, S>, rows: &[Row<'_, S>; N]) -> [f32; N] {
    let mut sums = [[simd.splat_f32s(0.0); LANES]; N];
    let length = query.pairs.len();
    // Slicing once removes the bounds checks from the loop.
    let pairs: [_; N] = std::array::from_fn(|row| &rows[row].pairs[..length]);
    for (index, query) in query.pairs.iter().enumerate() {
        for row in 0..N {
            for lane in 0..LANES {
                let (a, b) = (query[lane], pairs[row][index][lane]);
                sums[row][lane] = simd.mul_add_e_f32s(a, b, sums[row][lane]);
            }
        }
    }
    std::array::from_fn(|row| {
        let mut sum = simd.add_f32s(sums[row][0], sums[row][1]);
        for (a, b) in query.last.iter().zip(rows[row].last) {
            sum = simd.mul_add_e_f32s(*a, *b, sum);
        }
        let rest = query.rest.iter().zip(rows[row].rest);
        simd.reduce_sum_f32s(sum) + rest.map(|(a, b)| a * b).sum::<f32>()
    })
}

#[cfg(test)]
mod tests {
    use super::dot_products;

    #[test]
    fn products_are_those_of_plain_arithmetic() {
        for length in [1, 2, 7, 8, 31, 64, 384, 385, 1000] {
            let number = |n: usize| ((n * 37 % 101) as f32 - 50.0) / 50.0;
            let query: Vec<f32> = (0..length).map(number).collect();
            let vectors: Vec<f32> = (0..7 * length).map(|n| number(n + 3)).collect();
            let mut products = [0.0; 7];
            dot_products(&query, &vectors, &mut products);
            for (vector, product) in vectors.chunks(length).zip(products) {
                let plain = query.iter().zip(vector).map(|(a, b)| f64::from(a * b));
                let plain: f64 = plain.sum();
                assert!((plain - f64::from(product)).abs() < 1e-3, "{length}");
            }
        }
    }
}
