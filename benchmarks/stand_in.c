/* A compiler that does nothing but read: it stands in for gcc, ar, ranlib and
 * ld where a benchmark asks what the build tool itself costs.
 *
 * It reads its inputs as the real ones do (a source with every file it includes
 * by "name", each once), and writes an output that depends on every byte read
 * and on every option. The name it is called by says what it is:
 *
 *     stand-in-cc      -o OUT -c [-I DIR | -IDIR]... [-MD|-MMD] [-MF FILE] SOURCE
 *     stand-in-ar      rc OUT INPUT...
 *     stand-in-ranlib  OUT                 (does nothing)
 *     stand-in-ld      -o OUT INPUT...
 *
 * It knows no macros: an #include in a branch that is not taken is followed,
 * and <system> headers are not. Nothing is freed: a run lasts a millisecond.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>

enum { OUTPUT_SIZE = 2048 }; /* about what a small object file takes */

struct list {
    const char **items;
    size_t count, room;
};

static const char *program;
static uint64_t sum = 14695981039346656037u;
static struct list folders, inputs, included;

static _Noreturn void fail(const char *about, const char *why)
{
    fprintf(stderr, "%s: %s: %s\n", program, about, why);
    exit(1);
}

static void *checked(void *memory)
{
    if (memory == NULL)
        fail("memory", "none left");
    return memory;
}

static void append(struct list *list, const char *item)
{
    if (list->count == list->room) {
        list->room = list->room ? list->room * 2 : 64;
        list->items = checked(realloc(list->items, list->room * sizeof *list->items));
    }
    list->items[list->count++] = item;
}

static void mix(const char *bytes, size_t size) /* FNV-1a */
{
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ (unsigned char)bytes[i]) * 1099511628211u;
}

/* Read a file, mix it in and return its text; NULL if there is none. */
static char *read_input(const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t size = 0, room = 8192, got;
    char *text;

    if (file == NULL)
        return NULL;
    text = checked(malloc(room));
    while ((got = fread(text + size, 1, room - size - 1, file)) > 0) {
        size += got;
        if (size + 1 == room)
            text = checked(realloc(text, room *= 2));
    }
    fclose(file);
    text[size] = '\0';
    mix(text, size);
    return text;
}

static char *joined(const char *folder, size_t length, const char *name)
{
    char *path = checked(malloc(length + strlen(name) + 2));

    memcpy(path, folder, length);
    path[length] = '/';
    strcpy(path + length + 1, name);
    return path;
}

static int is_included(const char *path)
{
    for (size_t i = 0; i < included.count; i++)
        if (strcmp(included.items[i], path) == 0)
            return 1;
    return 0;
}

static void follow(const char *path, char *text);

/* Look for a header beside the file that names it, then along the -I folders. */
static void include(const char *from, const char *name)
{
    const char *slash = strrchr(from, '/');

    for (size_t i = 0; i <= folders.count; i++) {
        char *path, *text;

        if (i == 0)
            path = slash ? joined(from, (size_t)(slash - from), name) : strdup(name);
        else
            path = joined(folders.items[i - 1], strlen(folders.items[i - 1]), name);
        if (is_included(path))
            return;
        if ((text = read_input(path)) != NULL) {
            append(&included, path);
            follow(path, text);
            return;
        }
    }
    fail(name, "No such file or directory");
}

static void follow(const char *path, char *text)
{
    static const char mark[] = "#include \"";
    char *end;

    for (char *at = text; (at = strstr(at, mark)) != NULL; at = end + 1) {
        char *name = at + sizeof mark - 1;

        if ((end = strchr(name, '"')) == NULL)
            return;
        if (at != text && at[-1] != '\n')
            continue;
        *end = '\0';
        include(path, name);
    }
}

static void write_name(FILE *file, const char *name)
{
    for (; *name; name++) {
        if (*name == ' ' || *name == '#')
            putc('\\', file);
        if (*name == '$')
            putc('$', file);
        putc(*name, file);
    }
}

static void write_depfile(const char *path, const char *output)
{
    FILE *file = fopen(path, "w");

    if (file == NULL)
        fail(path, "cannot be written");
    write_name(file, output);
    putc(':', file);
    for (size_t i = 0; i < inputs.count + included.count; i++) {
        fputs(" \\\n ", file);
        write_name(file, i < inputs.count ? inputs.items[i] : included.items[i - inputs.count]);
    }
    putc('\n', file);
    if (fclose(file) != 0)
        fail(path, "cannot be written");
}

static void write_output(const char *path)
{
    char bytes[OUTPUT_SIZE] = {0};
    FILE *file = fopen(path, "wb");

    snprintf(bytes, sizeof bytes, "%s %016llx\n", program, (unsigned long long)sum);
    if (file == NULL || fwrite(bytes, sizeof bytes, 1, file) != 1 || fclose(file) != 0)
        fail(path, "cannot be written");
}

int main(int count, char **words)
{
    const char *output = NULL, *depfile = NULL;
    int archiving, compiling, lists_inputs = 0;

    program = strrchr(words[0], '/') ? strrchr(words[0], '/') + 1 : words[0];
    archiving = strcmp(program, "stand-in-ar") == 0;
    compiling = strcmp(program, "stand-in-cc") == 0;
    if (strcmp(program, "stand-in-ranlib") == 0)
        return 0;
    if (count == 2 && strcmp(words[1], "--version") == 0) {
        printf("%s 1.0\n", program);
        return 0;
    }
    for (int i = 1; i < count; i++) {
        const char *word = words[i];
        const char *next = i + 1 < count ? words[i + 1] : NULL;

        if (archiving && i == 1)
            mix(word, strlen(word));
        else if (archiving && output == NULL)
            output = word;
        else if (next && strcmp(word, "-o") == 0)
            output = next, i++;
        else if (next && strcmp(word, "-MF") == 0)
            depfile = next, i++;
        else if (next && strcmp(word, "-I") == 0)
            append(&folders, next), i++;
        else if (strncmp(word, "-I", 2) == 0)
            append(&folders, word + 2);
        else if (strcmp(word, "-MD") == 0 || strcmp(word, "-MMD") == 0)
            lists_inputs = 1;
        else if (word[0] == '-')
            mix(word, strlen(word));
        else
            append(&inputs, word);
    }
    if (output == NULL || inputs.count == 0)
        fail("usage", "an output and an input are needed");
    for (size_t i = 0; i < inputs.count; i++) {
        char *text = read_input(inputs.items[i]);

        if (text == NULL)
            fail(inputs.items[i], "No such file or directory");
        if (compiling)
            follow(inputs.items[i], text);
    }
    write_output(output);
    if (lists_inputs && depfile == NULL)
        fail("usage", "-MD needs -MF");
    if (lists_inputs)
        write_depfile(depfile, output);
    return 0;
}
