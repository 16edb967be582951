/* StyleGAN on any GPU, from C.
 *
 * Made by cbindgen of bindings/c/src: change it there.
 *
 *     StyleganDevice *device;
 *     StyleganNetwork *network;
 *     StyleganGenerator *generator;
 *     stylegan_device_open(NULL, &device);
 *     stylegan_network_load("ffhq.pkl", &network);
 *     stylegan_generator_new(device, network, NULL, &generator);
 *     stylegan_generate(generator, seeds, count, NULL, pixels, count * height * width * 4);
 *
 * Errors. Every function that can fail returns a StyleganStatus; 0 is success. stylegan_last_error() has the words.
 *
 * Memory. Handles are made by open, load, from_bytes and new, and freed by the free of their kind. Whoever is made of others keeps what it
 * needs of them, so they may be freed in any order. Buffers are the caller's; their sizes are said in elements and checked exactly.
 *
 * Threads. Devices and networks may be used by any number of threads at once. So may generators: calls on one take turns, those on
 * several run beside each other. A handle is freed when no other call uses it. The message of stylegan_last_error() belongs to the thread
 * whose call failed: ask on that thread, before its next call.
 *
 * Calls block until their work is done. None throws, unwinds or calls back. A panic of the library is STYLEGAN_STATUS_PANIC.
 */

#ifndef STYLEGAN_H
#define STYLEGAN_H

#include <stddef.h>
#include <stdint.h>

/*
 What became of a call. Everything but `STYLEGAN_STATUS_OK` leaves a message, see `stylegan_last_error`.
 */
typedef enum StyleganStatus {
    /*
     It did what it says.
     */
    STYLEGAN_STATUS_OK = 0,
    /*
     An argument is null, out of range, or does not fit the network.
     */
    STYLEGAN_STATUS_ARGUMENT = 1,
    /*
     A buffer of the caller's has another size than what goes into it.
     */
    STYLEGAN_STATUS_SIZE = 2,
    /*
     A file cannot be read, is damaged, or is no network that is known.
     */
    STYLEGAN_STATUS_FILE = 3,
    /*
     There is no such device, or its driver refuses.
     */
    STYLEGAN_STATUS_DEVICE = 4,
    /*
     The device was lost. Free what was made on it and open it again.
     */
    STYLEGAN_STATUS_LOST = 5,
    /*
     The device has no memory left.
     */
    STYLEGAN_STATUS_MEMORY = 6,
    /*
     The device cannot do it: a limit, or 16-bit floats.
     */
    STYLEGAN_STATUS_UNSUPPORTED = 7,
    /*
     The picture is not finite: the weights are broken, or the rows of w out of all proportion.
     */
    STYLEGAN_STATUS_NOT_FINITE = 8,
    /*
     A bug in this library. What was called may be freed and no more.
     */
    STYLEGAN_STATUS_PANIC = 9,
} StyleganStatus;

/*
 What the layers add to their activations: values of `StyleganLook.noise`.
 */
typedef enum StyleganNoise {
    /*
     The maps stored in the network: the same seed gives the same picture.
     */
    STYLEGAN_NOISE_CONST = 0,
    /*
     Nothing.
     */
    STYLEGAN_NOISE_NONE = 1,
    /*
     Fresh maps, drawn from `noise_seed`; picture i of a call has `noise_seed + i`.
     */
    STYLEGAN_NOISE_RANDOM = 2,
} StyleganNoise;

/*
 Element type of weights and activations on the device: values of `StyleganOptions.precision`.
 */
typedef enum StyleganPrecision {
    /*
     f16 where the device has it and it holds the weights, else f32.
     */
    STYLEGAN_PRECISION_AUTO = 0,
    /*
     f32 everywhere.
     */
    STYLEGAN_PRECISION_F32 = 1,
    /*
     f16; an error where the device has none.
     */
    STYLEGAN_PRECISION_F16 = 2,
} StyleganPrecision;

/*
 A GPU, or a software adapter. Networks of any number of generators are on it.
 */
typedef struct StyleganDevice StyleganDevice;

/*
 A network on a device. One thread at a time draws: others that call wait for their turn.
 */
typedef struct StyleganGenerator StyleganGenerator;

/*
 A network. It is not on a device: a generator is.
 */
typedef struct StyleganNetwork StyleganNetwork;

/*
 What a network draws, and of what.
 */
typedef struct StyleganInfo {
    /*
     Of a picture, in pixels.
     */
    size_t width;
    /*
     Of a picture, in pixels.
     */
    size_t height;
    /*
     3, or 1 of a grey network, or 4 of one with transparency. Pictures are RGBA all the same.
     */
    size_t channels;
    /*
     Numbers in a latent z.
     */
    size_t z_dim;
    /*
     Numbers in a row of w.
     */
    size_t w_dim;
    /*
     Rows of w of a picture: layers, from coarse to fine.
     */
    size_t num_ws;
    /*
     Classes of a conditional network, 0 of all others.
     */
    size_t classes;
} StyleganInfo;

/*
 Rows of w that another seed gives.
 */
typedef struct StyleganMix {
    /*
     Whose rows.
     */
    uint32_t seed;
    /*
     The first row of w.
     */
    uint32_t first;
    /*
     The first row that is not meant any more, at most `num_ws`.
     */
    uint32_t end;
} StyleganMix;

/*
 How pictures look; `stylegan_look_init` fills it with what changes nothing.
 */
typedef struct StyleganLook {
    /*
     Truncation: 0.5 to 0.7 is usual, 1 is none, 0 the average picture.
     */
    float psi;
    /*
     Truncates this many rows of w only, the first ones; -1 for all.
     */
    int32_t cutoff;
    /*
     The class, which a conditional network needs; -1 for none.
     */
    int32_t class_index;
    /*
     A `StyleganNoise`.
     */
    uint32_t noise;
    /*
     Of `STYLEGAN_NOISE_RANDOM`.
     */
    uint32_t noise_seed;
    /*
     Style mixing; the last one that has a row wins. Null where there are none.
     */
    const struct StyleganMix *mixes;
    /*
     How many.
     */
    size_t mix_count;
} StyleganLook;

/*
 How a generator is made.
 */
typedef struct StyleganOptions {
    /*
     Most pictures that are drawn at once, at least 1: more memory, less overhead.
     */
    uint32_t batch;
    /*
     A `StyleganPrecision`.
     */
    uint32_t precision;
} StyleganOptions;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/*
 Says in one line of UTF-8 why the last call on this thread that failed did. Never null. It belongs to the library and is valid until
 the next call on this thread that fails, or until the thread ends.
 */
const char *stylegan_last_error(void);

/*
 The version of the library, as "0.1.0". Before 1.0, a program is compiled with the header of the library it uses: the second number
 changes when a struct or a function does.
 */
const char *stylegan_version(void);

/*
 Opens a device: by a part of its name or its number, as `stylegan devices` lists them, or the most powerful one for null.

 # Safety
 `name` is null or ends with a zero; `device` can be written to. It is set to null when the call fails.
 */
enum StyleganStatus stylegan_device_open(const char *name,
                                         struct StyleganDevice **device);

/*
 The name of a device, UTF-8. It belongs to the device. Null for null.

 # Safety
 `device` is null or a device that is not freed.
 */
const char *stylegan_device_name(const struct StyleganDevice *device);

/*
 Frees a device. What was made on it keeps what it needs of it, so the order does not matter. Null is nothing.

 # Safety
 `device` is null or a device that is not freed, and no other call uses it.
 */
void stylegan_device_free(struct StyleganDevice *device);

/*
 Reads a network from a file or folder of any format that the converter knows (docs/formats.md): a .safetensors of ours, NVIDIA's .pkl,
 rosinality's .pt and others. The content says which. Nothing in it is executed. `path` is UTF-8.

 # Safety
 `path` ends with a zero; `network` can be written to. It is set to null when the call fails.
 */
enum StyleganStatus stylegan_network_load(const char *path,
                                          struct StyleganNetwork **network);

/*
 Reads a network from the bytes of a file, as `stylegan_network_load` does. They are copied.

 # Safety
 There are `size` bytes behind `bytes`; `network` can be written to. It is set to null when the call fails.
 */
enum StyleganStatus stylegan_network_from_bytes(const uint8_t *bytes, size_t size, struct StyleganNetwork **network);

/*
 Says what a network draws.

 # Safety
 `network` is a network that is not freed; `info` can be written to.
 */
enum StyleganStatus stylegan_network_info(const struct StyleganNetwork *network, struct StyleganInfo *info);

/*
 Bytes that a generator of so many pictures at a time takes on a device, about: weights and activations.
 `precision` is a `StyleganPrecision`; auto counts as f16.

 # Safety
 `network` is a network that is not freed; `bytes` can be written to.
 */
enum StyleganStatus stylegan_network_memory(const struct StyleganNetwork *network,
                                            uint32_t batch,
                                            uint32_t precision,
                                            uint64_t *bytes);

/*
 Frees a network. Generators made of it keep what they need. Null is nothing.

 # Safety
 `network` is null or a network that is not freed, and no other call uses it.
 */
void stylegan_network_free(struct StyleganNetwork *network);

/*
 As the network draws: psi 1, the stored noise, no class, nothing mixed. Null is nothing.

 # Safety
 `look` is null or can be written to.
 */
void stylegan_look_init(struct StyleganLook *look);

/*
 Puts a network on a device: uploads its weights and compiles its kernels, which takes seconds. `options` may be null: one picture at a
 time, precision auto. Device and network may be freed afterwards.

 # Safety
 `device` and `network` are not freed; `options` is null or options; `generator` can be written to. It is set to null when the call fails.
 */
enum StyleganStatus stylegan_generator_new(const struct StyleganDevice *device,
                                           const struct StyleganNetwork *network,
                                           const struct StyleganOptions *options,
                                           struct StyleganGenerator **generator);

/*
 Draws a picture for each seed, as `stylegan generate --no-tune` does, into `pixels`: `count` times `height * width * 4` bytes, RGBA, rows from the top, without
 gaps. `size` is exactly that. `look` may be null. Returns when the pictures are there; when it fails, what is in `pixels` is not
 to be used.

 # Safety
 `generator` is not freed; there are `count` seeds and room for `size` bytes; `look` is null, or a look whose mixes are there.
 */
enum StyleganStatus stylegan_generate(const struct StyleganGenerator *generator,
                                      const uint32_t *seeds,
                                      size_t count,
                                      const struct StyleganLook *look,
                                      uint8_t *pixels,
                                      size_t size);

/*
 Draws pictures of rows of w, as `stylegan_generate` does of seeds: `count` times `num_ws * w_dim` floats, as `stylegan_map` gives them. They are not
 truncated yet: `psi` and `cutoff` of the look apply to them, mixes are for seeds.

 # Safety
 `generator` is not freed; there are so many floats and room for `size` bytes; `look` is null, or a look whose mixes are there.
 */
enum StyleganStatus stylegan_generate_ws(const struct StyleganGenerator *generator,
                                         const float *ws,
                                         size_t count,
                                         const struct StyleganLook *look,
                                         uint8_t *pixels,
                                         size_t size);

/*
 The rows of w of each seed, not truncated: `count` times `num_ws * w_dim` floats, which is what `ws_count` has to be. `class_index` is -1 for none.

 # Safety
 `generator` is not freed; there are `count` seeds and room for `ws_count` floats.
 */
enum StyleganStatus stylegan_map(const struct StyleganGenerator *generator,
                                 const uint32_t *seeds,
                                 size_t count,
                                 int32_t class_index,
                                 float *ws,
                                 size_t ws_count);

/*
 The average rows of w, `num_ws * w_dim` floats: the picture that truncation leads to. `class_index` is of a StyleGAN-XL, which has an
 average for each class; -1 for all others.

 # Safety
 `generator` is not freed; there is room for `ws_count` floats.
 */
enum StyleganStatus stylegan_average(const struct StyleganGenerator *generator,
                                     int32_t class_index,
                                     float *ws,
                                     size_t ws_count);

/*
 Bytes of the network on the device: weights, inputs, activations.

 # Safety
 `generator` is not freed; `bytes` can be written to.
 */
enum StyleganStatus stylegan_generator_memory(const struct StyleganGenerator *generator, uint64_t *bytes);

/*
 Frees a generator. Null is nothing.

 # Safety
 `generator` is null or not freed, and no other call uses it.
 */
void stylegan_generator_free(struct StyleganGenerator *generator);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* STYLEGAN_H */
