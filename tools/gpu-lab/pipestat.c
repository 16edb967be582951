// A Vulkan layer that asks the driver what it made of every compute pipeline (VK_KHR_pipeline_executable_properties).
//
// Pipeline number N of the process becomes $PIPESTAT/N.stats, a line `name<TAB>value` for each of the driver's figures, and
// $PIPESTAT/N.code, what it shows of its machine code. With PIPESTAT_ROBUST=0 the device is made without robust buffer access.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vk_layer.h>
#include <vulkan/vulkan.h>

#define EXPORT __attribute__((visibility("default")))

static VkInstance the_instance;
static PFN_vkGetInstanceProcAddr instance_next;
static PFN_vkGetDeviceProcAddr device_next;
static PFN_vkCreateComputePipelines create_pipelines;
static PFN_vkGetPipelineExecutablePropertiesKHR get_executables;
static PFN_vkGetPipelineExecutableStatisticsKHR get_statistics;
static PFN_vkGetPipelineExecutableInternalRepresentationsKHR get_representations;
static unsigned number;

static void *zeroed(size_t count, size_t size) {
    void *memory = calloc(count ? count : 1, size);
    if (!memory) abort();
    return memory;
}

static FILE *report(const char *ending) {
    const char *folder = getenv("PIPESTAT");
    char path[4096];
    snprintf(path, sizeof path, "%s/%04u.%s", folder ? folder : ".", number, ending);
    FILE *file = fopen(path, "w");
    if (!file) { perror(path); exit(1); }
    return file;
}

static void print_statistics(FILE *file, VkDevice device, const VkPipelineExecutableInfoKHR *executable) {
    uint32_t count = 0;
    get_statistics(device, executable, &count, NULL);
    VkPipelineExecutableStatisticKHR *all = zeroed(count, sizeof *all);
    for (uint32_t i = 0; i < count; i++) all[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR;
    get_statistics(device, executable, &count, all);
    for (uint32_t i = 0; i < count; i++) {
        fprintf(file, "%s\t", all[i].name);
        switch (all[i].format) {
        case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_BOOL32_KHR: fprintf(file, "%u\n", all[i].value.b32); break;
        case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_INT64_KHR: fprintf(file, "%lld\n", (long long)all[i].value.i64); break;
        case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_UINT64_KHR: fprintf(file, "%llu\n", (unsigned long long)all[i].value.u64); break;
        default: fprintf(file, "%g\n", all[i].value.f64);
        }
    }
    free(all);
}

// The last text of a driver is its machine code.
static void print_code(FILE *file, VkDevice device, const VkPipelineExecutableInfoKHR *executable) {
    uint32_t count = 0;
    get_representations(device, executable, &count, NULL);
    VkPipelineExecutableInternalRepresentationKHR *all = zeroed(count, sizeof *all);
    for (uint32_t i = 0; i < count; i++) all[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INTERNAL_REPRESENTATION_KHR;
    get_representations(device, executable, &count, all);
    for (uint32_t i = 0; i < count; i++) all[i].pData = zeroed(all[i].dataSize + 1, 1);
    get_representations(device, executable, &count, all);
    for (uint32_t i = 0; i < count; i++) {
        if (i + 1 == count && all[i].isText) fputs(all[i].pData, file);
        free(all[i].pData);
    }
    free(all);
}

static void describe(VkDevice device, VkPipeline pipeline) {
    VkPipelineInfoKHR info = {VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR, NULL, pipeline};
    uint32_t count = 0;
    get_executables(device, &info, &count, NULL);
    VkPipelineExecutablePropertiesKHR *all = zeroed(count, sizeof *all);
    for (uint32_t i = 0; i < count; i++) all[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_PROPERTIES_KHR;
    get_executables(device, &info, &count, all);
    FILE *statistics = report("stats"), *code = report("code");
    // Of several, as Intel's drivers make for several widths, the last is the widest that they could make.
    for (uint32_t i = 0; i < count; i++) {
        VkPipelineExecutableInfoKHR executable = {VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR, NULL, pipeline, i};
        fprintf(statistics, "executable\t%s\nlanes\t%u\n", all[i].name, all[i].subgroupSize);
        print_statistics(statistics, device, &executable);
        print_code(code, device, &executable);
    }
    fclose(statistics);
    fclose(code);
    free(all);
}

static VKAPI_ATTR VkResult VKAPI_CALL CreateComputePipelines(
    VkDevice device, VkPipelineCache cache, uint32_t count, const VkComputePipelineCreateInfo *infos, const VkAllocationCallbacks *allocator, VkPipeline *pipelines) {
    (void)cache;  // of a pipeline from a cache, drivers have no figures
    for (uint32_t i = 0; i < count; i++) {
        VkComputePipelineCreateInfo info = infos[i];
        info.flags |= VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR | VK_PIPELINE_CREATE_CAPTURE_INTERNAL_REPRESENTATIONS_BIT_KHR;
        VkResult result = create_pipelines(device, VK_NULL_HANDLE, 1, &info, allocator, &pipelines[i]);
        if (result != VK_SUCCESS) return result;
        describe(device, pipelines[i]);
        number++;
    }
    return VK_SUCCESS;
}

// The loader's link to the next layer, among the structures behind a creation.
static void *link_of(const void *chain, VkStructureType type) {
    for (VkLayerInstanceCreateInfo *link = (void *)chain; link; link = (void *)link->pNext)
        if (link->sType == type && link->function == VK_LAYER_LINK_INFO) return link;
    return NULL;
}

static VKAPI_ATTR VkResult VKAPI_CALL CreateInstance(const VkInstanceCreateInfo *info, const VkAllocationCallbacks *allocator, VkInstance *instance) {
    VkLayerInstanceCreateInfo *link = link_of(info->pNext, VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO);
    if (!link) return VK_ERROR_INITIALIZATION_FAILED;
    instance_next = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    VkResult result = ((PFN_vkCreateInstance)instance_next(NULL, "vkCreateInstance"))(info, allocator, instance);
    if (result == VK_SUCCESS) the_instance = *instance;
    return result;
}

static void without_robustness(VkBaseOutStructure *chain) {
    for (; chain; chain = chain->pNext) {
        if (chain->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2) ((VkPhysicalDeviceFeatures2 *)chain)->features.robustBufferAccess = 0;
        if (chain->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ROBUSTNESS_2_FEATURES_EXT) {
            ((VkPhysicalDeviceRobustness2FeaturesEXT *)chain)->robustBufferAccess2 = 0;
            ((VkPhysicalDeviceRobustness2FeaturesEXT *)chain)->robustImageAccess2 = 0;
        }
    }
}

static VKAPI_ATTR VkResult VKAPI_CALL CreateDevice(VkPhysicalDevice physical, const VkDeviceCreateInfo *info, const VkAllocationCallbacks *allocator, VkDevice *device) {
    VkLayerDeviceCreateInfo *link = link_of(info->pNext, VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO);
    if (!link) return VK_ERROR_INITIALIZATION_FAILED;
    PFN_vkGetInstanceProcAddr next = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    device_next = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;

    const char **names = zeroed(info->enabledExtensionCount + 1, sizeof *names);
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++) names[i] = info->ppEnabledExtensionNames[i];
    names[info->enabledExtensionCount] = VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME;
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR feature = {
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR, (void *)info->pNext, VK_TRUE};
    VkDeviceCreateInfo more = *info;
    more.pNext = &feature;
    more.enabledExtensionCount++;
    more.ppEnabledExtensionNames = names;
    VkPhysicalDeviceFeatures features;
    const char *robust = getenv("PIPESTAT_ROBUST");
    if (robust && !strcmp(robust, "0")) {
        without_robustness((void *)info->pNext);
        if (info->pEnabledFeatures) {
            features = *info->pEnabledFeatures;
            features.robustBufferAccess = 0;
            more.pEnabledFeatures = &features;
        }
    }
    VkResult result = ((PFN_vkCreateDevice)next(the_instance, "vkCreateDevice"))(physical, &more, allocator, device);
    free(names);
    if (result != VK_SUCCESS) return result;
    create_pipelines = (PFN_vkCreateComputePipelines)device_next(*device, "vkCreateComputePipelines");
    get_executables = (PFN_vkGetPipelineExecutablePropertiesKHR)device_next(*device, "vkGetPipelineExecutablePropertiesKHR");
    get_statistics = (PFN_vkGetPipelineExecutableStatisticsKHR)device_next(*device, "vkGetPipelineExecutableStatisticsKHR");
    get_representations = (PFN_vkGetPipelineExecutableInternalRepresentationsKHR)device_next(*device, "vkGetPipelineExecutableInternalRepresentationsKHR");
    return create_pipelines && get_executables && get_statistics && get_representations ? VK_SUCCESS : VK_ERROR_INITIALIZATION_FAILED;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL GetDeviceProcAddr(VkDevice device, const char *name) {
    if (!strcmp(name, "vkGetDeviceProcAddr")) return (PFN_vkVoidFunction)GetDeviceProcAddr;
    if (!strcmp(name, "vkCreateComputePipelines")) return (PFN_vkVoidFunction)CreateComputePipelines;
    return device_next(device, name);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL GetInstanceProcAddr(VkInstance instance, const char *name) {
    if (!strcmp(name, "vkGetInstanceProcAddr")) return (PFN_vkVoidFunction)GetInstanceProcAddr;
    if (!strcmp(name, "vkCreateInstance")) return (PFN_vkVoidFunction)CreateInstance;
    if (!strcmp(name, "vkCreateDevice")) return (PFN_vkVoidFunction)CreateDevice;
    if (!strcmp(name, "vkGetDeviceProcAddr")) return (PFN_vkVoidFunction)GetDeviceProcAddr;
    if (!strcmp(name, "vkCreateComputePipelines")) return (PFN_vkVoidFunction)CreateComputePipelines;
    return instance_next ? instance_next(instance, name) : NULL;
}

EXPORT VKAPI_ATTR VkResult VKAPI_CALL vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface *interface) {
    if (interface->loaderLayerInterfaceVersion > 2) interface->loaderLayerInterfaceVersion = 2;
    interface->pfnGetInstanceProcAddr = GetInstanceProcAddr;
    interface->pfnGetDeviceProcAddr = GetDeviceProcAddr;
    interface->pfnGetPhysicalDeviceProcAddr = NULL;
    return VK_SUCCESS;
}
