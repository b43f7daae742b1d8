// SPDX-License-Identifier: Apache-2.0

package proto

import (
	"os"
	"strings"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

// What is ours by the name of its file, and the same thing upstream.
var upstream = map[string]protoreflect.FileDescriptor{
	"csi.proto":                (&csi.ProbeRequest{}).ProtoReflect().Descriptor().ParentFile(),
	"pluginregistration.proto": (&registration.InfoRequest{}).ProtoReflect().Descriptor().ParentFile(),
}

// load reads the descriptor set that protoc made of our files; NV_DESCRIPTORS says where it is.
func load(t *testing.T) *descriptorpb.FileDescriptorSet {
	t.Helper()
	bytes, err := os.ReadFile(os.Getenv("NV_DESCRIPTORS"))
	if err != nil {
		t.Fatalf("NV_DESCRIPTORS must name the descriptor set of our files: %v", err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(bytes, set); err != nil {
		t.Fatal(err)
	}
	return set
}

func compare(t *testing.T, set *descriptorpb.FileDescriptorSet, name string) []string {
	t.Helper()
	files, err := protodesc.NewFiles(set)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := files.FindFileByPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return differences(describe(upstream[name]), describe(ours))
}

func TestSameAsUpstream(t *testing.T) {
	set := load(t)
	for name := range upstream {
		for _, line := range compare(t, set, name) {
			t.Errorf("%s: %s", name, line)
		}
	}
}

// A description without content would be equal to any other.
func TestDescriptionIsWhole(t *testing.T) {
	count := map[string]int{}
	for _, line := range describe(upstream["csi.proto"]) {
		count[strings.Fields(line)[0]]++
	}
	least := map[string]int{"message": 100, "field": 200, "oneof": 6, "enum": 10, "value": 50, "service": 5,
		"method": 36, "extension": 7, "import": 3, "file": 1}
	for what, n := range least {
		if count[what] < n {
			t.Errorf("%d lines say %s, at least %d should", count[what], what, n)
		}
	}
	secrets := 0
	for _, line := range describe(upstream["csi.proto"]) {
		if strings.HasPrefix(line, "field ") && strings.Contains(line, "csi_secret=true") {
			secrets++
		}
	}
	if secrets != 22 {
		t.Errorf("%d fields are csi_secret, 22 should", secrets)
	}
}

func message(file *descriptorpb.FileDescriptorProto, name string) *descriptorpb.DescriptorProto {
	for _, m := range file.MessageType {
		if m.GetName() == name {
			return m
		}
	}
	panic(name)
}

func field(file *descriptorpb.FileDescriptorProto, of, name string) *descriptorpb.FieldDescriptorProto {
	for _, f := range message(file, of).Field {
		if f.GetName() == name {
			return f
		}
	}
	panic(name)
}

// Each kind of drift is seen, and nothing else is.
func TestFindsDrift(t *testing.T) {
	drifts := map[string]struct {
		change func(*descriptorpb.FileDescriptorProto)
		names  string
	}{
		"package of Go": {func(f *descriptorpb.FileDescriptorProto) {
			f.Options.GoPackage = proto.String("elsewhere")
		}, "go_package=elsewhere"},
		"field's name": {func(f *descriptorpb.FileDescriptorProto) {
			field(f, "Volume", "volume_id").Name = proto.String("volume")
		}, "csi.v1.Volume.volume "},
		"field's number": {func(f *descriptorpb.FileDescriptorProto) {
			field(f, "Volume", "volume_id").Number = proto.Int32(9)
		}, "csi.v1.Volume.volume_id number=9"},
		"field's type": {func(f *descriptorpb.FileDescriptorProto) {
			field(f, "Volume", "capacity_bytes").Type = descriptorpb.FieldDescriptorProto_TYPE_UINT64.Enum()
		}, "type=uint64"},
		"field's label": {func(f *descriptorpb.FileDescriptorProto) {
			field(f, "Volume", "volume_id").Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		}, "label=repeated"},
		"field's JSON name": {func(f *descriptorpb.FileDescriptorProto) {
			field(f, "Volume", "volume_id").JsonName = proto.String("id")
		}, "json=id"},
		"oneof": {func(f *descriptorpb.FileDescriptorProto) {
			message(f, "VolumeCapability").OneofDecl[0].Name = proto.String("kind")
		}, "oneof=kind"},
		"lost field": {func(f *descriptorpb.FileDescriptorProto) {
			m := message(f, "CapacityRange")
			m.Field = m.Field[:1]
		}, "- field csi.v1.CapacityRange.limit_bytes"},
		"lost secret": {func(f *descriptorpb.FileDescriptorProto) {
			field(f, "DeleteVolumeRequest", "secrets").Options = nil
		}, "csi_secret=true"},
		"lost alpha of a field": {func(f *descriptorpb.FileDescriptorProto) {
			proto.ClearExtension(field(f, "NodeExpandVolumeRequest", "secrets").Options, csi.E_AlphaField)
		}, "alpha_field=true"},
		"lost alpha of a message": {func(f *descriptorpb.FileDescriptorProto) {
			message(f, "VolumeHealth").Options = nil
		}, "alpha_message=true"},
		"alpha of an enum value": {func(f *descriptorpb.FileDescriptorProto) {
			value := message(f, "VolumeUsage").EnumType[0].Value[0]
			value.Options = &descriptorpb.EnumValueOptions{}
			proto.SetExtension(value.Options, csi.E_AlphaEnumValue, true)
		}, "alpha_enum_value=true"},
		"number of an enum value": {func(f *descriptorpb.FileDescriptorProto) {
			message(f, "VolumeUsage").EnumType[0].Value[2].Number = proto.Int32(7)
		}, "csi.v1.VolumeUsage.Unit.INODES=7"},
		"lost reservation": {func(f *descriptorpb.FileDescriptorProto) {
			message(f, "NodeGetVolumeStatsResponse").ReservedRange = nil
		}, "reserved=[[2,3)]"},
		"streaming": {func(f *descriptorpb.FileDescriptorProto) {
			f.Service[0].Method[0].ServerStreaming = proto.Bool(true)
		}, "GetPluginInfoResponse stream=true"},
		"lost alpha of a service": {func(f *descriptorpb.FileDescriptorProto) {
			for _, service := range f.Service {
				service.Options = nil
			}
		}, "- service csi.v1.SnapshotMetadata options={csi.v1.alpha_service=true}"},
		"lost method": {func(f *descriptorpb.FileDescriptorProto) {
			f.Service[0].Method = f.Service[0].Method[1:]
		}, "- method csi.v1.Identity.GetPluginInfo"},
		"answer of a method": {func(f *descriptorpb.FileDescriptorProto) {
			f.Service[0].Method[0].OutputType = proto.String(".csi.v1.ProbeResponse")
		}, "+ method csi.v1.Identity.GetPluginInfo"},
		"number of an option": {func(f *descriptorpb.FileDescriptorProto) {
			f.Extension[0].Number = proto.Int32(1061)
		}, "number=1061"},
	}
	set := load(t)
	for name, drift := range drifts {
		t.Run(name, func(t *testing.T) {
			changed := proto.Clone(set).(*descriptorpb.FileDescriptorSet)
			for _, file := range changed.File {
				if file.GetName() == "csi.proto" {
					drift.change(file)
				}
			}
			found := compare(t, changed, "csi.proto")
			if !strings.Contains(strings.Join(found, "\n"), drift.names) {
				t.Errorf("not found: %s; found: %s", drift.names, strings.Join(found, "\n"))
			}
			if len(found) > 12 {
				t.Errorf("one change shows as %d differences", len(found))
			}
			if other := compare(t, changed, "pluginregistration.proto"); len(other) > 0 {
				t.Errorf("the other file differs too: %v", other)
			}
		})
	}
}
