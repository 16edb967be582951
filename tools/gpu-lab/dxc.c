// dxc.exe PROFILE ENTRY FILE...: compiles files of HLSL with the dxcompiler.dll beside it, and says how it went; the exit code is the number
// of failures. dxcompiler.dll has a COM interface, of which the few methods used here are written down in C.
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

#define METHOD(result, name, ...) result(WINAPI *name)(void *, __VA_ARGS__)
typedef struct { const void *data; SIZE_T size; UINT32 code_page; } Source;
typedef struct { void *query, *add, *release; const char *(WINAPI *data)(void *); SIZE_T(WINAPI *size)(void *); } BlobMethods;
typedef struct { const BlobMethods *methods; } Blob;
typedef struct { void *query, *add, *release; METHOD(HRESULT, status, HRESULT *); METHOD(HRESULT, code, Blob **); METHOD(HRESULT, errors, Blob **); } ResultMethods;
typedef struct { const ResultMethods *methods; } Result;
typedef struct { void *query, *add, *release; METHOD(HRESULT, compile, const Source *, LPCWSTR *, UINT32, void *, REFIID, void **); } CompilerMethods;
typedef struct { const CompilerMethods *methods; } Compiler;

static const GUID COMPILER_CLASS = {0x73e22d93, 0xe6ce, 0x47f3, {0xb5, 0xbf, 0xf0, 0x66, 0x4f, 0x39, 0xc1, 0xb0}};
static const GUID COMPILER3 = {0x228b4687, 0x5a6a, 0x4730, {0x90, 0x0c, 0x97, 0x02, 0xb2, 0x20, 0x3f, 0x54}};
static const GUID RESULT = {0x58346cda, 0xdde7, 0x4497, {0x94, 0x61, 0x6f, 0x87, 0xaf, 0x5e, 0x06, 0x59}};

static char *contents(const char *path, long *size) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) { perror(path); exit(255); }
    *size = ftell(file);
    rewind(file);
    char *text = malloc(*size);
    if (!text || fread(text, 1, *size, file) != (size_t)*size) { perror(path); exit(255); }
    fclose(file);
    return text;
}

int main(int count, char **arguments) {
    HMODULE library = LoadLibraryA("dxcompiler.dll");
    HRESULT(WINAPI *create)(REFIID, REFIID, void **) = library ? (void *)GetProcAddress(library, "DxcCreateInstance") : NULL;
    Compiler *compiler = NULL;
    if (count < 4 || !create || create(&COMPILER_CLASS, &COMPILER3, (void **)&compiler)) { fputs("dxc.exe PROFILE ENTRY FILE..., beside dxcompiler.dll\n", stderr); return 255; }
    wchar_t profile[16], entry[32];
    mbstowcs(profile, arguments[1], 16);
    mbstowcs(entry, arguments[2], 32);
    // What wgpu passes for 16-bit types; and its optimisation.
    LPCWSTR options[] = {L"-E", entry, L"-T", profile, L"-HV", L"2018", L"-enable-16bit-types", L"-no-warnings", L"-O3"};
    int failures = 0;
    for (int i = 3; i < count; i++) {
        long size;
        Source source = {contents(arguments[i], &size), 0, CP_UTF8};
        source.size = size;
        Result *result = NULL;
        Blob *errors = NULL;
        HRESULT status = E_FAIL;
        DWORD start = GetTickCount();
        if (compiler->methods->compile(compiler, &source, options, sizeof options / sizeof *options, NULL, &RESULT, (void **)&result)) return 255;
        result->methods->status(result, &status);
        result->methods->errors(result, &errors);
        printf("%s\t%s\t%lu ms\n", status ? "FAILED" : "ok", arguments[i], GetTickCount() - start);
        if (status && errors) printf("%.*s\n", (int)errors->methods->size(errors), errors->methods->data(errors));
        fflush(stdout);
        failures += status != 0;
        free((void *)source.data);
    }
    return failures;
}
