// SPDX-License-Identifier: Apache-2.0

// Package proto compares the .proto files of this tree with those of upstream, as their Go modules
// hold them.
package proto

import (
	"fmt"
	"sort"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// describe puts all that a file declares into lines, one for each thing, sorted: two files that
// mean the same have the same lines, in whatever order and with whatever comments they are written.
func describe(file protoreflect.FileDescriptor) []string {
	var d lines
	d.add("file syntax=%v package=%v options=%s", file.Syntax(), file.Package(), options(file))
	for i := range file.Imports().Len() {
		d.add("import %s public=%v", file.Imports().Get(i).Path(), file.Imports().Get(i).IsPublic)
	}
	d.messages(file.Messages())
	d.enums(file.Enums())
	d.extensions(file.Extensions())
	for i := range file.Services().Len() {
		service := file.Services().Get(i)
		d.add("service %s options=%s", service.FullName(), options(service))
		for j := range service.Methods().Len() {
			method := service.Methods().Get(j)
			d.add("method %s (%s stream=%v) returns (%s stream=%v) options=%s", method.FullName(),
				method.Input().FullName(), method.IsStreamingClient(),
				method.Output().FullName(), method.IsStreamingServer(), options(method))
		}
	}
	sort.Strings(d)
	return d
}

type lines []string

func (d *lines) add(format string, args ...any) {
	*d = append(*d, fmt.Sprintf(format, args...))
}

func (d *lines) messages(all protoreflect.MessageDescriptors) {
	for i := range all.Len() {
		message := all.Get(i)
		d.add("message %s map=%v options=%s reserved=%v %v", message.FullName(), message.IsMapEntry(),
			options(message), ranges(message.ReservedRanges()), names(message.ReservedNames()))
		for j := range message.Fields().Len() {
			d.field("field", message.Fields().Get(j))
		}
		for j := range message.Oneofs().Len() {
			oneof := message.Oneofs().Get(j)
			d.add("oneof %s synthetic=%v options=%s", oneof.FullName(), oneof.IsSynthetic(), options(oneof))
		}
		d.messages(message.Messages())
		d.enums(message.Enums())
		d.extensions(message.Extensions())
	}
}

func (d *lines) field(what string, field protoreflect.FieldDescriptor) {
	of := ""
	switch {
	case field.Message() != nil:
		of = string(field.Message().FullName())
	case field.Enum() != nil:
		of = string(field.Enum().FullName())
	}
	oneof := ""
	if field.ContainingOneof() != nil {
		oneof = string(field.ContainingOneof().Name())
	}
	d.add("%s %s number=%d type=%v %s label=%v json=%s oneof=%s presence=%v packed=%v default=%v of=%s options=%s",
		what, field.FullName(), field.Number(), field.Kind(), of, field.Cardinality(), field.JSONName(),
		oneof, field.HasPresence(), field.IsPacked(), field.Default(), field.ContainingMessage().FullName(),
		options(field))
}

func (d *lines) enums(all protoreflect.EnumDescriptors) {
	for i := range all.Len() {
		enum := all.Get(i)
		d.add("enum %s options=%s reserved=%v %v", enum.FullName(), options(enum),
			enumRanges(enum.ReservedRanges()), names(enum.ReservedNames()))
		for j := range enum.Values().Len() {
			value := enum.Values().Get(j)
			d.add("value %s.%s=%d options=%s", enum.FullName(), value.Name(), value.Number(), options(value))
		}
	}
}

func (d *lines) extensions(all protoreflect.ExtensionDescriptors) {
	for i := range all.Len() {
		d.field("extension", all.Get(i))
	}
}

// options are in words with the names of extensions, and never with an unknown part left out.
func options(of protoreflect.Descriptor) string {
	message, ok := of.Options().(proto.Message)
	if !ok || message == nil {
		return "{}"
	}
	reflected := message.ProtoReflect()
	var set []string
	if reflected.IsValid() {
		reflected.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
			set = append(set, fmt.Sprintf("%s=%v", field.FullName(), value))
			return true
		})
		if unknown := reflected.GetUnknown(); len(unknown) > 0 {
			set = append(set, fmt.Sprintf("unknown=%x", []byte(unknown)))
		}
	}
	sort.Strings(set)
	return "{" + strings.Join(set, " ") + "}"
}

func ranges(all protoreflect.FieldRanges) (out []string) {
	for i := range all.Len() {
		out = append(out, fmt.Sprintf("[%d,%d)", all.Get(i)[0], all.Get(i)[1]))
	}
	sort.Strings(out)
	return out
}

func enumRanges(all protoreflect.EnumRanges) (out []string) {
	for i := range all.Len() {
		out = append(out, fmt.Sprintf("[%d,%d]", all.Get(i)[0], all.Get(i)[1]))
	}
	sort.Strings(out)
	return out
}

func names(all protoreflect.Names) (out []string) {
	for i := range all.Len() {
		out = append(out, string(all.Get(i)))
	}
	sort.Strings(out)
	return out
}

// differences are the lines that only one side has: "-" what upstream has and we lack, "+" what we
// have beyond it.
func differences(upstream, ours []string) (out []string) {
	count := map[string]int{}
	for _, line := range upstream {
		count[line]++
	}
	for _, line := range ours {
		count[line]--
	}
	for line, n := range count {
		if n > 0 {
			out = append(out, "- "+line)
		}
		if n < 0 {
			out = append(out, "+ "+line)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i][2:]+out[i] < out[j][2:]+out[j] })
	return out
}
