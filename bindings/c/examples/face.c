/* Draws a face: face NETWORK SEED PSI OUT.pam
 *
 * cc face.c -o face $(pkg-config --cflags --libs stylegan)
 */
#include <stdio.h>
#include <stdlib.h>

#include "stylegan.h"

static int failed(const char *what) {
    fprintf(stderr, "%s: %s\n", what, stylegan_last_error());
    return 1;
}

/* A PAM is a line for each number, and the bytes. */
static int write_pam(const char *path, const unsigned char *pixels, const StyleganInfo *info) {
    FILE *file = fopen(path, "wb");
    if (!file) {
        return 1;
    }
    fprintf(file, "P7\nWIDTH %zu\nHEIGHT %zu\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n", info->width, info->height);
    size_t size = info->width * info->height * 4;
    int wrong = fwrite(pixels, 1, size, file) != size;
    return fclose(file) || wrong;
}

int main(int count, char **arguments) {
    if (count != 5) {
        fprintf(stderr, "usage: face NETWORK SEED PSI OUT.pam\n");
        return 2;
    }
    StyleganDevice *device = NULL;
    StyleganNetwork *network = NULL;
    StyleganGenerator *generator = NULL;
    StyleganInfo info;
    StyleganLook look;
    unsigned char *pixels = NULL;
    int result = 1;

    uint32_t seed = (uint32_t)strtoul(arguments[2], NULL, 10);
    stylegan_look_init(&look);
    look.psi = strtof(arguments[3], NULL);

    if (stylegan_device_open(NULL, &device) != STYLEGAN_STATUS_OK) {
        failed("no device");
    } else if (stylegan_network_load(arguments[1], &network) != STYLEGAN_STATUS_OK) {
        failed("no network");
    } else if (stylegan_network_info(network, &info) != STYLEGAN_STATUS_OK) {
        failed("no sizes");
    } else if (stylegan_generator_new(device, network, NULL, &generator) != STYLEGAN_STATUS_OK) {
        failed("no generator");
    } else if (!(pixels = malloc(info.width * info.height * 4))) {
        fprintf(stderr, "no memory\n");
    } else if (stylegan_generate(generator, &seed, 1, &look, pixels, info.width * info.height * 4) != STYLEGAN_STATUS_OK) {
        failed("no picture");
    } else if (write_pam(arguments[4], pixels, &info)) {
        perror(arguments[4]);
    } else {
        printf("%s: %zu x %zu on %s\n", arguments[4], info.width, info.height, stylegan_device_name(device));
        result = 0;
    }

    free(pixels);
    stylegan_generator_free(generator);
    stylegan_network_free(network);
    stylegan_device_free(device);
    return result;
}
