// Goes from one face to another through rows of w, on threads of their own: morph NETWORK FROM TO STEPS OUT_PREFIX
//
// c++ -std=c++17 morph.cpp -o morph $(pkg-config --cflags --libs stylegan) -pthread
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "stylegan.h"

namespace stylegan {

// The message belongs to the thread, so it is taken at once.
void check(StyleganStatus status) {
    if (status != STYLEGAN_STATUS_OK) {
        throw std::runtime_error(stylegan_last_error());
    }
}

template <auto Free> struct Deleter {
    template <typename T> void operator()(T *handle) const { Free(handle); }
};

using Device = std::unique_ptr<StyleganDevice, Deleter<stylegan_device_free>>;
using Network = std::unique_ptr<StyleganNetwork, Deleter<stylegan_network_free>>;
using Generator = std::unique_ptr<StyleganGenerator, Deleter<stylegan_generator_free>>;

Device open(const char *name = nullptr) {
    StyleganDevice *device = nullptr;
    check(stylegan_device_open(name, &device));
    return Device(device);
}

Network load(const std::string &path) {
    StyleganNetwork *network = nullptr;
    check(stylegan_network_load(path.c_str(), &network));
    return Network(network);
}

Generator put(const Device &device, const Network &network, StyleganOptions options) {
    StyleganGenerator *generator = nullptr;
    check(stylegan_generator_new(device.get(), network.get(), &options, &generator));
    return Generator(generator);
}

} // namespace stylegan

int main(int count, char **arguments) try {
    if (count != 6) {
        std::fprintf(stderr, "usage: morph NETWORK FROM TO STEPS OUT_PREFIX\n");
        return 2;
    }
    auto device = stylegan::open();
    auto network = stylegan::load(arguments[1]);
    StyleganInfo info;
    stylegan::check(stylegan_network_info(network.get(), &info));
    auto generator = stylegan::put(device, network, {2, STYLEGAN_PRECISION_AUTO});
    // Both are kept by the generator.
    device.reset();
    network.reset();

    const std::uint32_t seeds[] = {static_cast<std::uint32_t>(std::stoul(arguments[2])), static_cast<std::uint32_t>(std::stoul(arguments[3]))};
    const std::size_t row = info.num_ws * info.w_dim, size = info.width * info.height * 4;
    const std::size_t steps = std::stoul(arguments[4]);
    if (steps == 0) {
        throw std::runtime_error("no steps");
    }
    std::vector<float> ends(2 * row);
    stylegan::check(stylegan_map(generator.get(), seeds, 2, -1, ends.data(), ends.size()));

    // Any number of threads may call: they take turns on the device.
    std::vector<std::vector<unsigned char>> pictures(steps, std::vector<unsigned char>(size));
    std::vector<std::exception_ptr> errors(steps);
    std::vector<std::thread> threads;
    for (std::size_t step = 0; step < steps; step++) {
        threads.emplace_back([&, step] {
            try {
                std::vector<float> ws(row);
                const float t = steps > 1 ? static_cast<float>(step) / static_cast<float>(steps - 1) : 0.0f;
                for (std::size_t i = 0; i < row; i++) {
                    ws[i] = (1 - t) * ends[i] + t * ends[row + i];
                }
                StyleganLook look;
                stylegan_look_init(&look);
                look.psi = 0.7f;
                stylegan::check(stylegan_generate_ws(generator.get(), ws.data(), 1, &look, pictures[step].data(), size));
            } catch (...) {
                errors[step] = std::current_exception();
            }
        });
    }
    for (auto &thread : threads) {
        thread.join();
    }
    for (std::size_t step = 0; step < steps; step++) {
        if (errors[step]) {
            std::rethrow_exception(errors[step]);
        }
        std::ofstream file(arguments[5] + std::to_string(step) + ".pam", std::ios::binary);
        file << "P7\nWIDTH " << info.width << "\nHEIGHT " << info.height << "\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n";
        file.write(reinterpret_cast<const char *>(pictures[step].data()), static_cast<std::streamsize>(size));
        if (!file.flush()) {
            throw std::runtime_error("a picture cannot be written");
        }
    }
    std::printf("%zu pictures of %zu x %zu\n", steps, info.width, info.height);
    return 0;
} catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
