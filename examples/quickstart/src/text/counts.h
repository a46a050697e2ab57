/* Counts: how often each word was seen, in an open hash table that grows. */
#ifndef TEXT_COUNTS_H
#define TEXT_COUNTS_H

#include <stddef.h>

struct count {
    char *word;
    unsigned long seen;
};

struct counts {
    struct count *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t used;
};

void counts_init(struct counts *counts);
void counts_free(struct counts *counts);

/* Counts one more `word`; 0 when there is no memory left. */
int counts_add(struct counts *counts, const char *word);

/* Moves the used slots to the front, most frequent first, words of equal
   frequency in alphabetical order. Nothing may be added afterwards. */
void counts_sort(struct counts *counts);

#endif
