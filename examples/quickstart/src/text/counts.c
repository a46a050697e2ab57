#include "text/counts.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash_of(const char *word)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */

    for (; *word; word++)
        hash = (hash ^ (unsigned char)*word) * 1099511628211u;
    return hash;
}

static struct count *slot_for(const struct counts *counts, const char *word)
{
    size_t mask = counts->capacity - 1;
    size_t i = (size_t)hash_of(word) & mask;

    while (counts->slots[i].word && strcmp(counts->slots[i].word, word) != 0)
        i = (i + 1) & mask;
    return &counts->slots[i];
}

static int grow(struct counts *counts)
{
    struct counts bigger = {NULL, counts->capacity ? counts->capacity * 2 : 64, counts->used};

    bigger.slots = calloc(bigger.capacity, sizeof *bigger.slots);
    if (!bigger.slots)
        return 0;
    for (size_t i = 0; i < counts->capacity; i++)
        if (counts->slots[i].word)
            *slot_for(&bigger, counts->slots[i].word) = counts->slots[i];
    free(counts->slots);
    *counts = bigger;
    return 1;
}

void counts_init(struct counts *counts)
{
    memset(counts, 0, sizeof *counts);
}

void counts_free(struct counts *counts)
{
    for (size_t i = 0; i < counts->capacity; i++)
        free(counts->slots[i].word);
    free(counts->slots);
    counts_init(counts);
}

int counts_add(struct counts *counts, const char *word)
{
    struct count *slot;

    if (counts->used * 4 >= counts->capacity * 3 && !grow(counts))
        return 0;
    slot = slot_for(counts, word);
    if (!slot->word) {
        slot->word = malloc(strlen(word) + 1);
        if (!slot->word)
            return 0;
        strcpy(slot->word, word);
        counts->used++;
    }
    slot->seen++;
    return 1;
}

static int by_frequency(const void *left, const void *right)
{
    const struct count *a = left, *b = right;

    if (a->seen != b->seen)
        return a->seen < b->seen ? 1 : -1;
    return strcmp(a->word, b->word);
}

void counts_sort(struct counts *counts)
{
    size_t front = 0;

    for (size_t i = 0; i < counts->capacity; i++)
        if (counts->slots[i].word) {
            struct count moved = counts->slots[i];
            counts->slots[i].word = NULL;
            counts->slots[front++] = moved;
        }
    if (front)
        qsort(counts->slots, front, sizeof *counts->slots, by_frequency);
}
