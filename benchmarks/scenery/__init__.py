"""What the demo camera sees: a street, its buildings, trees and traffic, drawn without assets."""
