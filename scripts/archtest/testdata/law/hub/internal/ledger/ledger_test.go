package ledger

import (
	_ "os"
	_ "sync"
)
