// Somebody else's view of our logs: reads a log in the tlog-tiles layout with golang.org/x/mod/sumdb/{note,tlog}, the code
// with which the go command itself checks sum.golang.org. It shares nothing with this project but the published formats.
//
//	outside tree VKEY LOG               verify the checkpoint, rebuild the tree from the entries, compare root and every tile
//	outside inclusion VKEY ENTRY PROOF  verify a tlog-proof file for an entry
//	outside consistency VKEY OLD NEW PROOF  verify that the note NEW continues the note OLD; PROOF has one base64 hash a line
//
// It prints one JSON object and exits 0, or says on stderr what does not hold and exits 1. Spec: docs/spec/logs.md.
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	height = 8   // levels in one tile
	width  = 256 // hashes in a full tile, entries in a full bundle
)

// checkpoint is what a verified note says, and how many of its lines were the log's own.
type checkpoint struct {
	Origin   string `json:"origin"`
	Size     int64  `json:"size"`
	Root     string `json:"root"`
	Verified int    `json:"verified"` // signature lines of the key that was given
	Ignored  int    `json:"ignored"`  // lines of keys that this program does not know
	root     tlog.Hash
}

func main() {
	answer, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		os.Exit(1)
	}
}

func run(args []string) (any, error) {
	switch {
	case len(args) == 3 && args[0] == "tree":
		return tree(args[1], args[2])
	case len(args) == 4 && args[0] == "inclusion":
		return inclusion(args[1], args[2], args[3])
	case len(args) == 5 && args[0] == "consistency":
		return consistency(args[1], args[2], args[3], args[4])
	}
	return nil, errors.New("usage: outside tree VKEY LOG | inclusion VKEY ENTRY PROOF | consistency VKEY OLD NEW PROOF")
}

// open verifies a signed checkpoint with the key in a file and reads its three lines.
func open(keyFile string, signed []byte) (*checkpoint, error) {
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, err
	}
	verifier, err := note.NewVerifier(strings.TrimSuffix(string(key), "\n"))
	if err != nil {
		return nil, err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return nil, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return nil, errors.New("a checkpoint is three lines")
	}
	if lines[0] != verifier.Name() {
		return nil, errors.New("the checkpoint's origin is not the name of its key")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || strconv.FormatInt(size, 10) != lines[1] {
		return nil, errors.New("the checkpoint's size is not a decimal number")
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return nil, err
	}
	return &checkpoint{lines[0], size, lines[2], len(opened.Sigs), len(opened.UnverifiedSigs), root}, nil
}

// path is the name of a tile in the tlog-tiles layout; x/mod writes the tile's height into it.
func path(tile tlog.Tile) string {
	return strings.Replace(tile.Path(), "tile/"+strconv.Itoa(height)+"/", "tile/", 1)
}

type rebuilt struct {
	checkpoint
	Tiles   int     `json:"tiles"`
	Seconds float64 `json:"seconds"` // for reading, rebuilding and comparing
}

func tree(keyFile, dir string) (any, error) {
	began := time.Now()
	signed, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return nil, err
	}
	head, err := open(keyFile, signed)
	if err != nil {
		return nil, err
	}
	stored := make([]tlog.Hash, 0, tlog.StoredHashCount(head.Size))
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			if index >= int64(len(stored)) {
				return nil, errors.New("a hash that is not there yet was asked for")
			}
			found[i] = stored[index]
		}
		return found, nil
	})
	expected := map[string]bool{"checkpoint": true}
	for first := int64(0); first < head.Size; first += width {
		tile := tlog.Tile{H: height, L: 0, N: first / width, W: int(min(width, head.Size-first))}
		name := strings.Replace(path(tile), "tile/0/", "tile/entries/", 1)
		expected[name] = true
		entries, err := readEntries(filepath.Join(dir, name), tile.W)
		if err != nil {
			return nil, err
		}
		for i, entry := range entries {
			hashes, err := tlog.StoredHashes(first+int64(i), entry, reader)
			if err != nil {
				return nil, err
			}
			stored = append(stored, hashes...)
		}
	}
	root, err := tlog.TreeHash(head.Size, reader)
	if err != nil {
		return nil, err
	}
	if root != head.root {
		return nil, fmt.Errorf("the entries lead to the root %v and the checkpoint names %v", root, head.root)
	}
	tiles := tlog.NewTiles(height, 0, head.Size)
	for _, tile := range tiles {
		name := path(tile)
		expected[name] = true
		want, err := tlog.ReadTileData(tile, reader)
		if err != nil {
			return nil, err
		}
		have, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(want, have) {
			return nil, fmt.Errorf("%s is not what the entries lead to", name)
		}
	}
	if err := nothingElse(dir, expected); err != nil {
		return nil, err
	}
	return rebuilt{*head, len(tiles), time.Since(began).Seconds()}, nil
}

// readEntries reads an entry bundle: for each entry its length, two bytes big-endian, then its bytes.
func readEntries(name string, count int) ([][]byte, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(data) > 0 {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			return nil, fmt.Errorf("%s ends inside an entry", name)
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		entries = append(entries, data[2:end])
		data = data[end:]
	}
	if len(entries) != count {
		return nil, fmt.Errorf("%s holds %d entries and not %d", name, len(entries), count)
	}
	return entries, nil
}

// nothingElse finds files that a log of this size does not have.
func nothingElse(dir string, expected map[string]bool) error {
	return filepath.WalkDir(dir, func(name string, item fs.DirEntry, err error) error {
		if err != nil || item.IsDir() {
			return err
		}
		relative, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		if !expected[filepath.ToSlash(relative)] {
			return fmt.Errorf("%s is no part of this log", relative)
		}
		return nil
	})
}

func inclusion(keyFile, entryFile, proofFile string) (any, error) {
	entry, err := os.ReadFile(entryFile)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(proofFile)
	if err != nil {
		return nil, err
	}
	top, signed, found := bytes.Cut(data, []byte("\n\n"))
	lines := strings.Split(string(top), "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return nil, errors.New("not a tlog-proof file")
	}
	lines = lines[1:]
	if strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return nil, errors.New("the index line is missing")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "index "), 10, 64)
	if err != nil {
		return nil, err
	}
	hashes, err := parseHashes(lines[1:])
	if err != nil {
		return nil, err
	}
	head, err := open(keyFile, signed)
	if err != nil {
		return nil, err
	}
	return head, tlog.CheckRecord(hashes, head.Size, head.root, index, tlog.RecordHash(entry))
}

func consistency(keyFile, oldFile, newFile, proofFile string) (any, error) {
	var heads []*checkpoint
	for _, name := range []string{oldFile, newFile} {
		signed, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		head, err := open(keyFile, signed)
		if err != nil {
			return nil, err
		}
		heads = append(heads, head)
	}
	data, err := os.ReadFile(proofFile)
	if err != nil {
		return nil, err
	}
	hashes, err := parseHashes(strings.Fields(string(data)))
	if err != nil {
		return nil, err
	}
	older, newer := heads[0], heads[1]
	return newer, tlog.CheckTree(hashes, newer.Size, newer.root, older.Size, older.root)
}

func parseHashes(lines []string) ([]tlog.Hash, error) {
	var hashes []tlog.Hash
	for _, line := range lines {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return hashes, nil
}
