//! Where the picture lies in the plane that the Fourier features are of: StyleGAN3 draws any part of it, turned by any angle.

use crate::model::Model;

/// An affine map of the plane, by rows: where a point of the picture is looked up. The centre is 0, the side of a square picture 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transform(pub [[f32; 3]; 3]);

impl Transform {
    /// The picture as the network draws it.
    pub const IDENTITY: Transform = Transform([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);

    /// The picture moved by `translate` sides to the right and down and turned by `rotate` degrees, as NVIDIA's gen_images.py does it; then
    /// `zoom` times as large. `None` where a number is not finite, or nothing is left of the picture.
    pub fn new(translate: [f32; 2], rotate: f32, zoom: f32) -> Option<Transform> {
        let [x, y] = translate.map(f64::from);
        let (sin, cos) = f64::from(rotate).to_radians().sin_cos();
        let zoom = f64::from(zoom);
        // The inverse of [[cos, sin, x], [-sin, cos, y], [0, 0, 1]], of points that are divided by zoom.
        let rows = [[cos / zoom, -sin / zoom, -cos * x + sin * y], [sin / zoom, cos / zoom, -sin * x - cos * y], [0.0, 0.0, 1.0]];
        let transform = Transform(rows.map(|row| row.map(|value| value as f32)));
        (zoom > 0.0 && transform.is_finite()).then_some(transform)
    }

    /// That of a StyleGAN3's own file; None of another network. NVIDIA's have the identity.
    pub fn of(model: &Model) -> Option<Transform> {
        let stored = model.arrays.get("synthesis.input.transform")?.to_f32();
        Some(Transform(std::array::from_fn(|i| std::array::from_fn(|j| stored[3 * i + j]))))
    }

    /// No NaN and no infinity.
    pub fn is_finite(&self) -> bool {
        self.0.as_flattened().iter().all(|value| value.is_finite())
    }

    /// As the plan's input `transform` has it: three rows of four.
    pub fn rows(&self) -> [f32; 12] {
        let [a, b, c] = self.0;
        [a[0], a[1], a[2], 0.0, b[0], b[1], b[2], 0.0, c[0], c[1], c[2], 0.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_inverse_of_the_matrix_of_gen_images() {
        let (x, y, angle) = (0.15, -0.3, 25.0f32);
        let (sin, cos) = angle.to_radians().sin_cos();
        let forward = [[cos, sin, x], [-sin, cos, y], [0.0, 0.0, 1.0]];
        let Transform(inverse) = Transform::new([x, y], angle, 1.0).expect("numbers");
        for (i, j) in (0..3).flat_map(|i| (0..3).map(move |j| (i, j))) {
            let product: f32 = (0..3).map(|k| inverse[i][k] * forward[k][j]).sum();
            assert!((product - if i == j { 1.0 } else { 0.0 }).abs() < 1e-6, "{i} {j}: {product}");
        }
        assert_eq!(Transform::new([0.0, 0.0], 0.0, 1.0), Some(Transform::IDENTITY));
        assert_eq!(Transform::new([0.0, 0.0], 0.0, 2.0).map(|Transform(rows)| rows[0][0]), Some(0.5));
        for wrong in
            [Transform::new([f32::NAN, 0.0], 0.0, 1.0), Transform::new([0.0; 2], f32::INFINITY, 1.0), Transform::new([0.0; 2], 0.0, 0.0)]
        {
            assert_eq!(wrong, None);
        }
    }
}
