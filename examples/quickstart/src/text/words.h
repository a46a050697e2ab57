/* Words: runs of letters, digits and apostrophes, folded to lower case. */
#ifndef TEXT_WORDS_H
#define TEXT_WORDS_H

#include <stddef.h>
#include <stdio.h>

enum { WORD_MAX_LENGTH = 63 };

/* Reads the next word of `in` into `word`; gives its length, 0 at the end.
   Longer words are cut to WORD_MAX_LENGTH. */
size_t words_next(FILE *in, char word[WORD_MAX_LENGTH + 1]);

#endif
