package kind

import "contour.example/contour/internal/kobj"

// Served contains the version of each kind that an API server serves, the newest that the controller can read; "" if it serves none. A kind
// that is not in it has not been looked for: it is as if its newest version were served.
type Served map[kobj.Kind]string
