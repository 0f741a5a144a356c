package statement

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"

	"cloudcashier/shared/fault"
)

// meter lets through what the bounds allow and refuses the rest, never cutting it off in silence.
type meter struct {
	w      io.Writer
	bounds Bounds
	packed func() int64 // how much was read of what is unpacked
	n      int64
}

// unmeasured is how much may be unpacked before the ratio counts: a short text may pack very well.
const unmeasured = 1 << 20

func (m *meter) Write(p []byte) (int, error) {
	m.n += int64(len(p))
	switch {
	case m.n > m.bounds.Unpacked:
		return 0, refuse("too_large", "the bill unpacks to more than %d bytes", m.bounds.Unpacked)
	case m.n > unmeasured && m.n/m.bounds.Ratio > m.packed():
		return 0, refuse("bomb", "the bill unpacks to more than %d times its size", m.bounds.Ratio)
	}
	return m.w.Write(p)
}

// ReadPacked reads all of what travels, which is refused when it is too large.
func (b Bounds) ReadPacked(r io.Reader) ([]byte, error) {
	packed, err := io.ReadAll(io.LimitReader(r, b.Packed+1))
	if err == nil && int64(len(packed)) > b.Packed {
		return nil, refuse("too_large", "the packed bill is larger than %d bytes", b.Packed)
	}
	return packed, err
}

// counter counts what is read, and refuses more than is allowed.
type counter struct {
	r       io.Reader
	n, most int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.n += int64(n); c.n > c.most {
		return n, refuse("too_large", "the packed bill is larger than %d bytes", c.most)
	}
	return n, err
}

// damaged names a packing that does not unpack. What broke off on the way is the caller's to say: it may come whole the
// next time.
func damaged(err error) error {
	if k := fault.KindOf(err); k == fault.Invalid || k == fault.Unavailable { // said already: too large, a bomb, broken off
		return err
	}
	return fault.Wrap(err, fault.Invalid, "bill.damaged", "the packed bill is damaged")
}

// writing tells an error of the writer from one of the packing.
type writing struct {
	w   io.Writer
	err error
}

func (w *writing) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	if err != nil && w.err == nil {
		w.err = err
	}
	return n, err
}

// copyOut unpacks r into w.
func (b Bounds) copyOut(w io.Writer, r io.Reader, packed func() int64) error {
	to := &writing{w: w}
	_, err := io.Copy(&meter{w: to, bounds: b, packed: packed}, r)
	switch {
	case to.err != nil:
		return to.err // a full disk is no damaged bill
	case err != nil:
		return damaged(err)
	}
	return nil
}

// Gunzip unpacks one gzip file and nothing behind it.
func (b Bounds) Gunzip(w io.Writer, packed io.Reader) error {
	from := &counter{r: packed, most: b.Packed}
	buffered := bufio.NewReader(from) // flate reads no byte behind its end of it
	z, err := gzip.NewReader(buffered)
	if err != nil {
		return damaged(err)
	}
	z.Multistream(false)
	if err := b.copyOut(w, z, func() int64 { return from.n }); err != nil {
		return err
	}
	if _, err := buffered.ReadByte(); err != io.EOF {
		return damaged(errors.Join(errors.New("more behind the end"), err))
	}
	return nil
}

// Inflate unpacks a zlib stream that holds another packing, into memory.
func (b Bounds) Inflate(packed []byte) ([]byte, error) {
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, damaged(err)
	}
	inner := b
	inner.Unpacked = b.Packed // what it holds travels packed again
	var out bytes.Buffer
	if err := inner.copyOut(&out, z, func() int64 { return int64(len(packed)) }); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// maxEntries bounds an archive: Alipay's and UnionPay's have two files.
const maxEntries = 16

// Unzip writes the one file of the archive that is wanted into w. known tells a name that belongs into the archive, and
// whether it is the wanted one; any other name is refused, and so are folders, a wanted file that is there twice or not
// at all, and what is encrypted. No name ever becomes a path of ours.
func (b Bounds) Unzip(w io.Writer, packed []byte, known func(name string) (ours, wanted bool)) error {
	archive, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		return damaged(err)
	}
	if len(archive.File) > maxEntries {
		return refuse("archive", "the archive has %d files", len(archive.File))
	}
	var found *zip.File
	for _, f := range archive.File {
		ours, wanted := known(f.Name)
		switch {
		case !ours || !f.Mode().IsRegular() || f.Flags&1 != 0:
			return refuse("archive", "the archive has a file that does not belong there")
		case wanted && found != nil:
			return refuse("archive", "the archive has the bill twice")
		case wanted:
			found = f
		}
	}
	if found == nil {
		return refuse("archive", "the archive has no bill in it")
	}
	r, err := found.Open()
	if err != nil {
		return damaged(err)
	}
	defer r.Close()
	size := int64(len(packed)) // what the archive says of its file may lie; its whole size does not
	return b.copyOut(w, r, func() int64 { return size })
}
