struct shape { int width, height; };
int area(struct shape shape);
int border(struct shape shape);
