/* What a caller does wrong is a status and a line, and nothing else: border NETWORK
 *
 * Not an example to follow; the tests run it, under valgrind and the address sanitizer, too.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stylegan.h"

static int wrong = 0;

static void expect(const char *what, StyleganStatus found, StyleganStatus wanted, const char *says) {
    const char *said = stylegan_last_error();
    if (found != wanted || (wanted != STYLEGAN_STATUS_OK && !strstr(said, says))) {
        fprintf(stderr, "%s: status %d and not %d; it says: %s\n", what, (int)found, (int)wanted, said);
        wrong = 1;
    }
}

static unsigned char *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) {
        perror(path);
        exit(1);
    }
    *size = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*size);
    if (!bytes || fread(bytes, 1, *size, file) != *size) {
        perror(path);
        exit(1);
    }
    fclose(file);
    return bytes;
}

int main(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: border NETWORK\n");
        return 2;
    }
    if (strlen(stylegan_last_error()) != 0 || strlen(stylegan_version()) < 5) {
        fprintf(stderr, "it begins with an error, or has no version\n");
        return 1;
    }
    StyleganDevice *device = (StyleganDevice *)1;
    StyleganNetwork *network = (StyleganNetwork *)1;
    StyleganGenerator *generator = (StyleganGenerator *)1;
    expect("no place", stylegan_device_open(NULL, NULL), STYLEGAN_STATUS_ARGUMENT, "null");
    expect("no such device", stylegan_device_open("no such device", &device), STYLEGAN_STATUS_DEVICE, "no such device");
    wrong |= device != NULL;
    expect("not UTF-8", stylegan_device_open("\xff", &device), STYLEGAN_STATUS_ARGUMENT, "UTF-8");
    expect("no file", stylegan_network_load("missing.safetensors", &network), STYLEGAN_STATUS_FILE, "missing.safetensors");
    wrong |= network != NULL;
    expect("no path", stylegan_network_load(NULL, &network), STYLEGAN_STATUS_ARGUMENT, "path");
    expect("no bytes", stylegan_network_from_bytes(NULL, 5, &network), STYLEGAN_STATUS_ARGUMENT, "bytes");
    expect("nothing", stylegan_network_from_bytes(NULL, 0, &network), STYLEGAN_STATUS_FILE, "");
    expect("too much", stylegan_network_from_bytes((const unsigned char *)"x", (size_t)-1, &network), STYLEGAN_STATUS_ARGUMENT, "memory");
    expect("a text", stylegan_network_from_bytes((const unsigned char *)"a text", 6, &network), STYLEGAN_STATUS_FILE, "");
    expect("no generator of nothing", stylegan_generator_new(NULL, NULL, NULL, &generator), STYLEGAN_STATUS_ARGUMENT, "device");
    wrong |= generator != NULL;
    expect("nothing draws", stylegan_generate(NULL, NULL, 0, NULL, NULL, 0), STYLEGAN_STATUS_ARGUMENT, "generator");

    expect("a device", stylegan_device_open(NULL, &device), STYLEGAN_STATUS_OK, "");
    size_t size;
    unsigned char *bytes = read_file(arguments[1], &size);
    expect("half a file", stylegan_network_from_bytes(bytes, size / 2, &network), STYLEGAN_STATUS_FILE, "");
    expect("a file", stylegan_network_from_bytes(bytes, size, &network), STYLEGAN_STATUS_OK, "");
    free(bytes);
    StyleganInfo info;
    expect("no info", stylegan_network_info(network, NULL), STYLEGAN_STATUS_ARGUMENT, "info");
    expect("info", stylegan_network_info(network, &info), STYLEGAN_STATUS_OK, "");
    uint64_t before = 0, memory = 0;
    expect("memory", stylegan_network_memory(network, 1, STYLEGAN_PRECISION_F32, &before), STYLEGAN_STATUS_OK, "");
    expect("no batch", stylegan_network_memory(network, 0, STYLEGAN_PRECISION_F32, &before), STYLEGAN_STATUS_ARGUMENT, "batch");
    StyleganOptions options = {0, STYLEGAN_PRECISION_AUTO};
    expect("batch of none", stylegan_generator_new(device, network, &options, &generator), STYLEGAN_STATUS_ARGUMENT, "batch");
    options.batch = 2;
    options.precision = 77;
    expect("precision 77", stylegan_generator_new(device, network, &options, &generator), STYLEGAN_STATUS_ARGUMENT, "precision");
    options.precision = STYLEGAN_PRECISION_F32;
    expect("a generator", stylegan_generator_new(device, network, &options, &generator), STYLEGAN_STATUS_OK, "");
    stylegan_network_free(network);
    stylegan_device_free(device);
    expect("its memory", stylegan_generator_memory(generator, &memory), STYLEGAN_STATUS_OK, "");
    wrong |= memory == 0 || before == 0;

    /* Three pictures in batches of two, with a byte behind them that is nobody's. */
    size_t one = info.width * info.height * 4, all = 3 * one, row = info.num_ws * info.w_dim;
    unsigned char *pixels = malloc(all + 1), *again = malloc(all);
    float *ws = malloc(3 * row * sizeof *ws), *average = malloc(row * sizeof *average);
    const uint32_t seeds[] = {1, 2, 4294967295u};
    StyleganLook look;
    stylegan_look_init(&look);
    pixels[all] = 42;
    expect("too small", stylegan_generate(generator, seeds, 3, NULL, pixels, all - 1), STYLEGAN_STATUS_SIZE, "needed are");
    expect("too large", stylegan_generate(generator, seeds, 3, NULL, pixels, all + 1), STYLEGAN_STATUS_SIZE, "needed are");
    expect("no pixels", stylegan_generate(generator, seeds, 3, NULL, NULL, all), STYLEGAN_STATUS_ARGUMENT, "pixels");
    expect("no pictures", stylegan_generate(generator, seeds, 0, NULL, pixels, 0), STYLEGAN_STATUS_ARGUMENT, "count");
    expect("far too many", stylegan_generate(generator, seeds, (size_t)-1 / 4, NULL, pixels, all), STYLEGAN_STATUS_ARGUMENT, "");
    expect("three", stylegan_generate(generator, seeds, 3, NULL, pixels, all), STYLEGAN_STATUS_OK, "");
    expect("rows", stylegan_map(generator, seeds, 3, -1, ws, 3 * row), STYLEGAN_STATUS_OK, "");
    expect("rows for less", stylegan_map(generator, seeds, 3, -1, ws, 2 * row), STYLEGAN_STATUS_SIZE, "needed are");
    expect("of rows", stylegan_generate_ws(generator, ws, 3, &look, again, all), STYLEGAN_STATUS_OK, "");
    wrong |= pixels[all] != 42 || memcmp(pixels, again, all) || !memcmp(pixels, pixels + one, one);

    /* Psi 0 is the average, mixing all rows is the other seed, and noise counts over batches. */
    expect("average", stylegan_average(generator, -1, average, row), STYLEGAN_STATUS_OK, "");
    expect("of it", stylegan_generate_ws(generator, average, 1, NULL, again, one), STYLEGAN_STATUS_OK, "");
    look.psi = 0;
    expect("psi 0", stylegan_generate(generator, seeds, 1, &look, again + one, one), STYLEGAN_STATUS_OK, "");
    wrong |= memcmp(again, again + one, one) != 0;
    look.psi = 1;
    StyleganMix mix = {2, 0, (uint32_t)info.num_ws};
    look.mixes = &mix;
    look.mix_count = 1;
    expect("mixed", stylegan_generate(generator, seeds, 1, &look, again, one), STYLEGAN_STATUS_OK, "");
    wrong |= memcmp(again, pixels + one, one) != 0;
    mix.end++;
    expect("a row too many", stylegan_generate(generator, seeds, 1, &look, again, one), STYLEGAN_STATUS_ARGUMENT, "");
    mix.first = mix.end;
    expect("no rows", stylegan_generate(generator, seeds, 1, &look, again, one), STYLEGAN_STATUS_ARGUMENT, "mix");
    look.mix_count = 0;
    look.noise = STYLEGAN_NOISE_RANDOM;
    look.noise_seed = 9;
    expect("noise", stylegan_generate(generator, seeds, 3, &look, again, all), STYLEGAN_STATUS_OK, "");
    look.noise_seed = 11;
    expect("the third's", stylegan_generate(generator, seeds + 2, 1, &look, pixels, one), STYLEGAN_STATUS_OK, "");
    wrong |= memcmp(pixels, again + 2 * one, one) != 0;
    look.noise = 3;
    expect("noise 3", stylegan_generate(generator, seeds, 1, &look, again, one), STYLEGAN_STATUS_ARGUMENT, "noise");
    look.noise = STYLEGAN_NOISE_NONE;
    look.class_index = 5;
    expect("class 5", stylegan_generate(generator, seeds, 1, &look, again, one), STYLEGAN_STATUS_ARGUMENT, "class");
    look.class_index = -2;
    expect("class -2", stylegan_generate(generator, seeds, 1, &look, again, one), STYLEGAN_STATUS_ARGUMENT, "class_index");
    look.class_index = -1;
    look.psi = HUGE_VALF;
    expect("psi infinite", stylegan_generate(generator, seeds, 1, &look, again, one), STYLEGAN_STATUS_ARGUMENT, "psi");
    for (size_t i = 0; i < row; i++) {
        ws[i] = 3e38f;
    }
    expect("too much", stylegan_generate_ws(generator, ws, 1, NULL, again, one), STYLEGAN_STATUS_NOT_FINITE, "");

    free(pixels);
    free(again);
    free(ws);
    free(average);
    stylegan_generator_free(generator);
    stylegan_generator_free(NULL);
    stylegan_network_free(NULL);
    stylegan_device_free(NULL);
    puts(wrong ? "wrong" : "all as it should be");
    return wrong;
}
