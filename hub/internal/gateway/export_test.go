package gateway

import (
	"net/http"

	"cloudcashier/hub/internal/engine"
)

// ParseAuthorization lets the fuzz test at the header's parser.
func ParseAuthorization(header string) (keyID, nonce string, ok bool) {
	c, problem := parseAuthorization(http.Header{"Authorization": {header}})
	return c.keyID, c.nonce, problem == nil
}

// ParseAsk lets the fuzz test at the body's parser.
func ParseAsk(body []byte) (engine.Ask, error) {
	ask, _, err := (&Gateway{}).parseAsk(&asked{body: body})
	return ask, err
}
