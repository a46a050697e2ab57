/* topwords [N]: prints the N (10) most frequent words of standard input. */
#include "text/counts.h"
#include "text/words.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    size_t wanted = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 10;
    char word[WORD_MAX_LENGTH + 1];
    struct counts counts;

    counts_init(&counts);
    while (words_next(stdin, word))
        if (!counts_add(&counts, word)) {
            fputs("topwords: out of memory\n", stderr);
            counts_free(&counts);
            return 1;
        }
    counts_sort(&counts);
    for (size_t i = 0; i < wanted && i < counts.used; i++)
        printf("%7lu %s\n", counts.slots[i].seen, counts.slots[i].word);
    counts_free(&counts);
    return 0;
}
