// By live figure, two tasks: what to set and to predict, and the answer, whose numbers
// the figure then shows. tests/browser/test_tasks.py sets the controls and compares.
window.ssm = window.ssm || {};
ssm.tasks = {
  timescale: [
    [
      "Set the autocorrelation to 0, which is white noise, and the length to 4096. Which timescale does the rule give?",
      "0.0156, which is 1/√4096, since λmax is 1. The output's mean square is 15 there, near the largest possible value 16.",
    ],
    [
      "Set the autocorrelation to 0.90, the length to 1024 and the damping to 1. Which of the two curves falls?",
      "Only the exact one. At the rule's timescale it falls from 3.58 to 0.241. The bound does not depend on the damping, and is now 66.3 times the exact value.",
    ],
  ],
  spacing: [
    [
      "Halve the spacing to 0.50. Is the readout twice as hard to learn?",
      "It is much harder: the condition number rises from 9.03 to 146, and its limit from 11.6 to 268. The limit grows exponentially with 1/δ.",
    ],
    [
      "Set the spacing back to 1.00 and the number of frequencies to 12. Does each further frequency make the readout harder to learn without end?",
      "No. With 12 frequencies the condition number is 9.92, after 9.03 with 8 of them, and it stays below 11.6.",
    ],
  ],
  aliasing: [
    [
      "Set Δ to 0.01 and the damping to 0.50. After how many steps does the kernel repeat, and which share of its first value is left?",
      "After 200 steps, and 37 % is left. Twice the Δ means half the steps, and the share e⁻²ᵃ does not depend on Δ.",
    ],
    [
      "Set Δ to 0.00501, the damping to 0 and the state size to 64. Does the kernel of a larger state repeat later?",
      "No, it repeats after 399 steps, as with a state size of 32. The peaks become higher and narrower.",
    ],
  ],
  front: [
    [
      "Set Δ to 0.001. Does a state with a smaller Δ hold half of an input for longer?",
      "No, it now holds less than half of every input. The sum of all shares stays the same, and a small Δ distributes it over more inputs.",
    ],
    [
      "Set Δ to 1. How many different eigenvalues has S4D-Lin?",
      "Only 2 of 31. The frequencies πn turn by half turns per step, so that every mode is multiplied by e^(-1/2) or by its negative.",
    ],
  ],
  poles: [
    [
      "Set the size of mode 1 to 0.99. Is the sum of the memory function larger than before?",
      "No, it is 6.00. The state now holds less of the input ten steps back, 0.152 instead of 0.182, and more of older inputs.",
    ],
    [
      "Choose mode 2 and set its angle to 0. To what does the memory function sum?",
      "To 5.00. A mode on the real axis is its own conjugate, so there are 5 distinct eigenvalues.",
    ],
  ],
  window: [
    [
      "Set the damping to 0. Does the state hold more of the input 128 steps ago, and can the readout distinguish this input from others?",
      "It holds more, 3.03 % instead of 1.14 %. But the lower plot has equal peaks 64 steps apart: the readout cannot distinguish this input from those of other periods.",
    ],
    [
      "Keep the damping at 0 and choose the grid of the window. What changes, and what changes if you now move Δ to 0.00781?",
      "The share stays 3.03 %, which is 31/1024, but only one peak is left: no other input has as large an answer. On this grid the share is the same for every Δ.",
    ],
  ],
  turning: [
    [
      "Set Δ to 0.1 and the damping to 0. At which step is the kernel for the first time as large as at step 0, and where are the modes then?",
      "At step 20, which is 2/Δ, it is 8 again. The modes have turned by 0, 1, 2 and 3 turns, and all are where they began.",
    ],
    [
      "Set the damping to 0.50 and stay at step 20. Which share of the kernel is left?",
      "36.8 %, which is e⁻¹: the kernel is 2.94 instead of 8. The modes turn as before, and shrink on their way.",
    ],
  ],
  data: [
    [
      "With the numbers of the example, set the window to 128. By which factor does Δ change?",
      "It falls from 0.0317 to 0.0215, a factor of about 0.7. Most of it is 1/√2 for the longer window; λmax rises as well, to 17.",
    ],
    [
      "Set the window back to 64, and let the model see the numbers in the scale that they have. What happens to Δ?",
      "It falls to 0.0153, about half. The standard deviation of the numbers is 2.16, and Δ is inversely proportional to it.",
    ],
  ],
};
