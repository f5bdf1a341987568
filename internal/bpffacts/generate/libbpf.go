package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/skep-dev/skep/internal/bpffacts"
)

// What is read of libbpf's own source: tables in src/libbpf.c, and
// src/bpf_helper_defs.h, which the kernel's scripts/bpf_doc.py makes out of
// the comments in include/uapi/linux/bpf.h.

// table cuts the initializer of an array out of a C file.
func table(source, name string) (string, error) {
	_, after, ok := strings.Cut(source, name+"[] = {\n")
	if !ok {
		return "", fmt.Errorf("libbpf.c has no table %s: its form has changed", name)
	}
	body, _, ok := strings.Cut(after, "\n};")
	if !ok {
		return "", fmt.Errorf("the table %s has no end", name)
	}
	return body, nil
}

// sectionLine is a line such as
//
//	SEC_DEF("lsm.s+", LSM, BPF_LSM_MAC, SEC_ATTACH_BTF | SEC_SLEEPABLE, attach_lsm),
var sectionLine = regexp.MustCompile(
	`^\tSEC_DEF\("([^"]+)",\s*([A-Z0-9_]+),\s*([A-Z0-9_]+),\s*([A-Z_| ]+?)(?:,\s*([a-z_]+))?\),\s*(?:/\* (.*) \*/)?$`)

// parseSections reads section_defs.
func parseSections(source string) ([]bpffacts.Section, error) {
	body, err := table(source, "section_defs")
	if err != nil {
		return nil, err
	}
	var list []bpffacts.Section
	for line := range strings.Lines(body) {
		line = strings.TrimRight(line, "\n")
		m := sectionLine.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("section_defs has a line of a new form: %q", line)
		}
		s := bpffacts.Section{Pattern: m[1], ProgramType: m[2], AttachFunction: m[5], Remark: m[6]}
		if m[3] != "0" {
			s.AttachType = m[3]
		}
		for flag := range strings.SplitSeq(m[4], "|") {
			if err := setFlag(&s, strings.TrimSpace(flag)); err != nil {
				return nil, err
			}
		}
		s.Deprecated = strings.Contains(s.Remark, "deprecated")
		list = append(list, s)
	}
	return list, nil
}

// setFlag knows enum sec_def_flags.
func setFlag(s *bpffacts.Section, flag string) error {
	switch flag {
	case "SEC_NONE", "SEC_ATTACHABLE":
	case "SEC_ATTACHABLE_OPT":
		s.AttachTypeOptional = true
	case "SEC_ATTACH_BTF":
		s.AttachBTF = true
	case "SEC_SLEEPABLE":
		s.Sleepable = true
	case "SEC_XDP_FRAGS":
		s.Frags = true
	case "SEC_USDT":
	default:
		return fmt.Errorf("section %s has a flag that is new: %s", s.Pattern, flag)
	}
	return nil
}

// addSince notes the oldest version that has each section of the newest one.
func addSince(newest []bpffacts.Section, version string, list []bpffacts.Section) {
	there := make(map[string]bool)
	for _, s := range list {
		there[s.Pattern] = true
	}
	for i := range newest {
		if newest[i].Libbpf == "" && there[newest[i].Pattern] {
			newest[i].Libbpf = version
		}
	}
}

var typeNameLine = regexp.MustCompile(`^\t\[BPF_PROG_TYPE_(\w+)\]\s*= "(\w+)",$`)

// parseTypeNames reads prog_type_name: C name without its prefix to libbpf's.
func parseTypeNames(source string) (map[string]string, error) {
	body, err := table(source, "prog_type_name")
	if err != nil {
		return nil, err
	}
	names := make(map[string]string)
	for line := range strings.Lines(body) {
		m := typeNameLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil {
			return nil, fmt.Errorf("prog_type_name has a line of a new form: %q", line)
		}
		names[m[1]] = m[2]
	}
	return names, nil
}

var versionLine = regexp.MustCompile(`#define LIBBPF_(MAJOR|MINOR)_VERSION (\d+)`)

// parseVersion reads src/libbpf_version.h: "1.7".
func parseVersion(source string) (string, error) {
	m := versionLine.FindAllStringSubmatch(source, 2)
	if len(m) != 2 {
		return "", fmt.Errorf("libbpf_version.h has another form")
	}
	return m[0][2] + "." + m[1][2], nil
}

// helperLine is a definition such as
//
//	static long (* const bpf_map_delete_elem)(void *map, const void *key) = (void *) 3;
//
// where older versions lack const and newer ones may have __bpf_fastcall.
var helperLine = regexp.MustCompile(
	`^static (?:__bpf_fastcall )?(.*?)\s?\(\* ?(?:const )?(bpf_\w+)\)(\(.*\)) = \(void \*\) (\d+);$`)

// parseHelpers reads bpf_helper_defs.h.
func parseHelpers(source string) ([]bpffacts.Helper, []bpffacts.HelperDoc, error) {
	var helpers []bpffacts.Helper
	var docs []bpffacts.HelperDoc
	var comment []string
	for line := range strings.Lines(source) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "/*":
			comment = nil
		case line == " */":
		case strings.HasPrefix(line, " *"):
			comment = append(comment, strings.TrimPrefix(strings.TrimPrefix(line, " *"), " "))
		case strings.HasPrefix(line, "static "):
			m := helperLine.FindStringSubmatch(line)
			if m == nil {
				return nil, nil, fmt.Errorf("bpf_helper_defs.h has a line of a new form: %q", line)
			}
			id, err := strconv.Atoi(m[4])
			if err != nil {
				return nil, nil, err
			}
			result := m[1]
			if !strings.HasSuffix(result, "*") {
				result += " "
			}
			doc := parseDoc(m[2], comment)
			helpers = append(helpers, bpffacts.Helper{ID: id, Name: m[2], Prototype: result + m[2] + m[3], Short: short(doc.Text)})
			docs = append(docs, doc)
			comment = nil
		}
	}
	if len(helpers) < 211 {
		return nil, nil, fmt.Errorf("bpf_helper_defs.h has only %d helpers", len(helpers))
	}
	return helpers, docs, nil
}

// parseDoc takes a helper's comment apart: its name, the text, and behind a
// line "Returns" what it returns.
func parseDoc(name string, comment []string) bpffacts.HelperDoc {
	doc := bpffacts.HelperDoc{Name: name}
	var text, returns []string
	into := &text
	for i, line := range comment {
		switch {
		case i == 0 && strings.TrimSpace(line) == name:
		case line == "Returns":
			into = &returns
		default:
			*into = append(*into, strings.TrimPrefix(line, "\t"))
		}
	}
	doc.Text, doc.Returns = plain(text), plain(returns)
	return doc
}

var (
	emphasis = regexp.MustCompile(`\*\*([^*]+)\*\*|\*([A-Za-z_/][^*\n]*)\*`)
	literal  = regexp.MustCompile("``([^`]+)``")
	joined   = regexp.MustCompile(`\\(?: |\n[ \t]*)`)
	escaped  = regexp.MustCompile(`\\([^A-Za-z0-9\s])`)
)

// plain makes plain text of reStructuredText: emphasis and escapes go, line
// breaks and lists stay.
func plain(lines []string) string {
	text := escaped.ReplaceAllString(strings.TrimSpace(strings.Join(lines, "\n")), "$1")
	text = emphasis.ReplaceAllString(text, "$1$2")
	text = literal.ReplaceAllString(text, "$1")
	text = joined.ReplaceAllString(text, "")
	text = strings.ReplaceAll(text, "::\n", ":\n")
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(line, " \t")
		if line == "" && len(out) > 0 && out[len(out)-1] == "" {
			continue
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// short is the first sentence of a text, in one line.
func short(text string) string {
	paragraph, _, _ := strings.Cut(text, "\n\n")
	line := strings.Join(strings.Fields(paragraph), " ")
	for at := 0; ; {
		i := strings.Index(line[at:], ". ")
		if i < 0 {
			return line
		}
		at += i + 1
		if before := line[:at]; !strings.HasSuffix(before, "e.g.") && !strings.HasSuffix(before, "i.e.") {
			return before
		}
	}
}
