// Lanes 0 to 7 hold the weights of 16 outputs and 4 inputs, a pair of columns each: of outputs 4g to 4g + 3, lane 2g holds inputs 0 and 1,
// lane 2g + 1 inputs 2 and 3, in a and b. These are the four matrices, for all lanes.
fn columns0(a: vec4<f32>, b: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(subgroupBroadcast(a, 0u), subgroupBroadcast(b, 0u), subgroupBroadcast(a, 1u), subgroupBroadcast(b, 1u));
}
fn columns1(a: vec4<f32>, b: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(subgroupBroadcast(a, 2u), subgroupBroadcast(b, 2u), subgroupBroadcast(a, 3u), subgroupBroadcast(b, 3u));
}
fn columns2(a: vec4<f32>, b: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(subgroupBroadcast(a, 4u), subgroupBroadcast(b, 4u), subgroupBroadcast(a, 5u), subgroupBroadcast(b, 5u));
}
fn columns3(a: vec4<f32>, b: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(subgroupBroadcast(a, 6u), subgroupBroadcast(b, 6u), subgroupBroadcast(a, 7u), subgroupBroadcast(b, 7u));
}

// sum + w * x of four pixels, one product after the other: fewer values are alive at a time than when w * x is summed first.
fn add_product(sum: mat4x4<f32>, w: mat4x4<f32>, x: mat4x4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(
        sum[0] + w[0] * x[0].x + w[1] * x[0].y + w[2] * x[0].z + w[3] * x[0].w,
        sum[1] + w[0] * x[1].x + w[1] * x[1].y + w[2] * x[1].z + w[3] * x[1].w,
        sum[2] + w[0] * x[2].x + w[1] * x[2].y + w[2] * x[2].z + w[3] * x[2].w,
        sum[3] + w[0] * x[3].x + w[1] * x[3].y + w[2] * x[3].z + w[3] * x[3].w,
    );
}
