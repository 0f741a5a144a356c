package wechatv3

import (
	"net/http"

	"cloudcashier/hub/sandbox/internal/door"
)

func (c *call) bill() (door.Reply, error) {
	return c.refuse(http.StatusBadRequest, "NO_STATEMENT_EXIST", "账单文件不存在", ""), nil
}

func (c *call) download() (door.Reply, error) { return c.bill() }
