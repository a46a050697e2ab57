#include "shapes.h"

static int count;

int area(struct shape shape)
{
    count++;
    return shape.width * shape.height * count;
}
