#include "shapes.h"

static int count = 2;

int border(struct shape shape)
{
    return count * (shape.width + shape.height);
}
