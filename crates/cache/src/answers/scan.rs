//! Products of one vector with many, at the speed of memory.

use pulp::{Arch, Simd, WithSimd};

/// Writes the dot product of `query` with each of the vectors, which lie one behind the other and
/// are as long as the query.
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

/// So many sums at once keep the processor from waiting for the one before.
const LANES: usize = 4;

impl WithSimd for DotProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (query, query_rest) = S::as_simd_f32s(self.query);
        let (query, query_last) = pulp::as_arrays::<LANES, _>(query);
        let vectors = self.vectors.chunks_exact(self.query.len());
        for (vector, product) in vectors.zip(self.products) {
            let (vector, vector_rest) = S::as_simd_f32s(vector);
            let (vector, vector_last) = pulp::as_arrays::<LANES, _>(vector);
            let mut sums = [simd.splat_f32s(0.0); LANES];
            for (query, vector) in query.iter().zip(vector) {
                for lane in 0..LANES {
                    sums[lane] = simd.mul_add_e_f32s(query[lane], vector[lane], sums[lane]);
                }
            }
            for (query, vector) in query_last.iter().zip(vector_last) {
                sums[0] = simd.mul_add_e_f32s(*query, *vector, sums[0]);
            }
            let pairs = [
                simd.add_f32s(sums[0], sums[1]),
                simd.add_f32s(sums[2], sums[3]),
            ];
            let rest = query_rest.iter().zip(vector_rest);
            let rest: f32 = rest.map(|(query, vector)| query * vector).sum();
            *product = simd.reduce_sum_f32s(simd.add_f32s(pairs[0], pairs[1])) + rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::dot_products;

    #[test]
    fn products_are_those_of_plain_arithmetic() {
        for length in [1, 2, 7, 8, 31, 64, 384, 385, 1000] {
            let number = |n: usize| ((n * 37 % 101) as f32 - 50.0) / 50.0;
            let query: Vec<f32> = (0..length).map(number).collect();
            let vectors: Vec<f32> = (0..5 * length).map(|n| number(n + 3)).collect();
            let mut products = [0.0; 5];
            dot_products(&query, &vectors, &mut products);
            for (vector, product) in vectors.chunks(length).zip(products) {
                let plain = query.iter().zip(vector).map(|(a, b)| f64::from(a * b));
                let plain: f64 = plain.sum();
                assert!((plain - f64::from(product)).abs() < 1e-3, "{length}");
            }
        }
    }
}
