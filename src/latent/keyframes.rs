//! A closed path through keyframes of ws, as the stylegan3 repository's gen_video.py draws it: one keyframe per unit of time, and
//! after the last comes the first.

use super::Ws;
use crate::error::{Error, Result};

/// How a path goes from keyframe to keyframe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interpolation {
    /// A cubic spline: velocity and acceleration are continuous.
    #[default]
    Cubic,
    /// Straight from each to the next.
    Linear,
}

/// A closed path through keyframes.
#[derive(Clone, Debug)]
pub struct Keyframes {
    ws: Ws,
    /// Second derivatives `[n + 1, num_ws * w_dim]` at the keyframes and at the first again; none on a linear path.
    curvatures: Option<Vec<f32>>,
}

/// The keyframes are repeated this often before and after themselves. The spline is not periodic: its free ends lie so far away.
const WRAPS: usize = 2;

impl Keyframes {
    /// The path through the images of `ws`, in their order.
    pub fn new(ws: Ws, interpolation: Interpolation) -> Result<Keyframes> {
        if ws.n == 0 || ws.values.is_empty() {
            return Err(Error::Argument("a path needs at least one keyframe".into()));
        }
        let curvatures = match interpolation {
            Interpolation::Cubic => Some(curvatures(&ws)),
            Interpolation::Linear => None,
        };
        Ok(Keyframes { ws, curvatures })
    }

    /// Number of keyframes, which is the length of the path.
    pub fn count(&self) -> usize {
        self.ws.n
    }

    /// The point at time `t`; keyframe i is at i, and at i plus any multiple of the length. Panics when `t` is not finite.
    #[track_caller]
    pub fn at(&self, t: f64) -> Ws {
        assert!(t.is_finite(), "{t} is no point in time");
        let count = self.count();
        // rem_euclid of a tiny negative number rounds to the length itself.
        let t = t.rem_euclid(count as f64).min((count as f64).next_down());
        let first = t as usize;
        let (b, next) = (t - first as f64, (first + 1) % count);
        let a = 1.0 - b;
        let ends = self.ws.image(first).iter().zip(self.ws.image(next));
        let values = match &self.curvatures {
            None => ends.map(|(&from, &to)| (a * f64::from(from) + b * f64::from(to)) as f32).collect(),
            Some(curvatures) => {
                let size = self.ws.num_ws * self.ws.w_dim;
                let (bend_a, bend_b) = ((a * a * a - a) / 6.0, (b * b * b - b) / 6.0);
                let bends = curvatures[first * size..].iter().zip(&curvatures[(first + 1) * size..]);
                let point = |((&from, &to), (&bend_from, &bend_to)): ((&f32, &f32), (&f32, &f32))| {
                    (a * f64::from(from) + b * f64::from(to) + bend_a * f64::from(bend_from) + bend_b * f64::from(bend_to)) as f32
                };
                ends.zip(bends).map(point).collect()
            }
        };
        Ws { n: 1, values, ..self.ws }
    }
}

/// Second derivatives of the not-a-knot spline through the keyframes repeated, at one round of them. With unit spacing:
/// m[i-1] + 4 m[i] + m[i+1] = 6 d[i], where d is the second difference of the values; and no knot at the second and the last point but
/// one means m[0] - 2 m[1] + m[2] = 0, hence m[1] = d[1], and the same at the other end.
fn curvatures(ws: &Ws) -> Vec<f32> {
    let (count, size) = (ws.n, ws.num_ws * ws.w_dim);
    let points = count * (2 * WRAPS + 1);
    // The tridiagonal matrix is the same for all components: so is its elimination.
    let mut pivots = vec![1.0; points - 1];
    for i in 2..points - 2 {
        pivots[i] = 4.0 - if i > 2 { 1.0 / pivots[i - 1] } else { 0.0 };
    }
    let mut result = vec![0.0; (count + 1) * size];
    let mut moments = vec![0.0; points];
    for component in 0..size {
        let value = |i: usize| f64::from(ws.values[(i % count) * size + component]);
        let difference = |i: usize| value(i - 1) - 2.0 * value(i) + value(i + 1);
        moments[1] = difference(1);
        moments[points - 2] = difference(points - 2);
        for i in 2..points - 2 {
            moments[i] = 6.0 * difference(i) - moments[i - 1] / pivots[i - 1];
        }
        for i in (2..points - 2).rev() {
            moments[i] = (moments[i] - moments[i + 1]) / pivots[i];
        }
        for i in 0..=count {
            result[i * size + component] = moments[WRAPS * count + i] as f32;
        }
    }
    result
}
