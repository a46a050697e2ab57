#include <stdio.h>
#include "shapes.h"

int main(void)
{
    struct shape shape = {3, 4};
    printf("area %d, border %d\n", area(shape), border(shape));
    return 0;
}
