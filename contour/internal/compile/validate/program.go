package validate

import (
	"regexp/syntax"
	"unicode"
)

// maxByte is the largest character of an expression in Envoy, where each byte is one.
const maxByte = 0xFF

// programSize estimates from above how many instructions RE2 makes of the expression: what Envoy compares with
// re2.max_program_size. It stops counting somewhat above maxProgram, and visits each node of the tree once.
func programSize(re *syntax.Regexp) int {
	const frame = 4 // the failure, the match, and the loop before a match that is not anchored
	return min(frame+nodeSize(re), 2*maxProgram)
}

func nodeSize(re *syntax.Regexp) int {
	size := 0
	for _, sub := range re.Sub {
		size += nodeSize(sub)
	}
	switch re.Op {
	case syntax.OpLiteral:
		size = literalSize(re)
	case syntax.OpCharClass:
		size = classSize(re.Rune)
	case syntax.OpAnyCharNotNL:
		size = 2
	case syntax.OpCapture:
		size += 2
	case syntax.OpAlternate:
		size += len(re.Sub)
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest:
		size += 2
	case syntax.OpRepeat:
		size = repeatSize(size, re)
	case syntax.OpConcat:
	default:
		size++
	}
	return min(size, 2*maxProgram)
}

// repeatSize is a copy for each time that the operand must or may be there, and one more for a loop. Copies that may be absent
// have a branch.
func repeatSize(operand int, re *syntax.Regexp) int {
	if re.Max < 0 {
		return operand*(re.Min+1) + 2
	}
	return operand*re.Max + (re.Max - re.Min) + 1
}

// literalSize is an instruction for each byte; a character beyond ASCII that has two cases is one of two bytes.
func literalSize(re *syntax.Regexp) int {
	size := len(re.Rune)
	if re.Flags&syntax.FoldCase != 0 {
		for _, r := range re.Rune {
			if r > unicode.MaxASCII {
				size++
			}
		}
	}
	return size
}

// classSize is an instruction for each range of bytes.
func classSize(ranges []rune) int {
	size := 0
	for i := 0; i+1 < len(ranges) && ranges[i] <= maxByte; i += 2 {
		size++
	}
	return max(size, 1)
}
